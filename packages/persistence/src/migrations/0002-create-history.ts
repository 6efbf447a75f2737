import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Events, their bodies, deliveries and attempts, each partitioned by the UTC day on which the event was accepted.
 *
 * Partitions are made by `HistoryPartitions`, not here. There is no default partition on purpose: rows in one would block
 * the partition that should have held them from ever being attached.
 */
export class CreateHistory1764028800002 implements MigrationInterface {
  readonly name = 'CreateHistory1764028800002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE events (
        event_id uuid NOT NULL,
        accepted_at timestamptz NOT NULL,
        event text NOT NULL,
        repository_id bigint,
        repository_full_name text,
        owner_login text,
        ref text,
        routed_at timestamptz,
        delivery_count int,
        trigger text,
        PRIMARY KEY (event_id, accepted_at)
      ) PARTITION BY RANGE (accepted_at)`);
    await runner.query(
      `CREATE INDEX events_repository ON events (repository_id, accepted_at DESC, event_id DESC)`,
    );
    await runner.query(`
      CREATE TABLE event_bodies (
        event_id uuid NOT NULL,
        accepted_at timestamptz NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (event_id, accepted_at)
      ) PARTITION BY RANGE (accepted_at)`);
    await runner.query(`
      CREATE TABLE deliveries (
        delivery_id uuid NOT NULL,
        accepted_at timestamptz NOT NULL,
        event_id uuid NOT NULL,
        webhook_id uuid NOT NULL,
        event text NOT NULL,
        repository_id bigint,
        status text NOT NULL CHECK (status IN ('pending', 'delivered', 'retrying', 'failed', 'cancelled')),
        attempts int NOT NULL,
        last_status_code int,
        last_error_class text,
        last_outcome text,
        response_class smallint GENERATED ALWAYS AS
          (CASE WHEN last_outcome IS NOT NULL THEN coalesce(last_status_code / 100, 0) END) STORED,
        next_attempt_at timestamptz,
        failure_reason text,
        trigger text,
        deferrals int NOT NULL,
        completed_at timestamptz,
        updated_at timestamptz NOT NULL,
        state_version bytea NOT NULL,
        attempt_version bytea NOT NULL,
        trigger_version bytea NOT NULL,
        PRIMARY KEY (delivery_id, accepted_at)
      ) PARTITION BY RANGE (accepted_at)`);
    // accepted_at first after the equalities: partitions are then read one after the other, newest first, until a page is full.
    for (const filter of ['', 'status', 'event', 'response_class']) {
      const name = `deliveries_webhook${filter === '' ? '' : `_${filter}`}`;
      const columns = ['webhook_id', filter, 'accepted_at DESC', 'delivery_id DESC'].filter((c) => c !== '');
      await runner.query(`CREATE INDEX ${name} ON deliveries (${columns.join(', ')})`);
    }
    await runner.query(`
      CREATE TABLE attempts (
        delivery_id uuid NOT NULL,
        accepted_at timestamptz NOT NULL,
        attempt int NOT NULL,
        started_at timestamptz NOT NULL,
        schedule_attempt int NOT NULL,
        trigger text NOT NULL,
        duration_ms double precision NOT NULL,
        outcome text NOT NULL,
        status_code int,
        error_class text,
        error_phase text,
        error_message text,
        phases_ms jsonb NOT NULL,
        remote_address text,
        url text NOT NULL,
        request_headers jsonb NOT NULL,
        response_headers jsonb NOT NULL,
        response_body bytea,
        response_truncated boolean NOT NULL,
        next_step text NOT NULL,
        next_attempt_at timestamptz,
        failure_reason text,
        PRIMARY KEY (delivery_id, attempt, started_at, accepted_at)
      ) PARTITION BY RANGE (accepted_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE attempts, deliveries, event_bodies, events');
  }
}
