import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What redelivery and replay need: when a delivery was last asked for again, jobs, and the events of an owner by time. */
export class CreateRedelivery1764028800003 implements MigrationInterface {
  readonly name = 'CreateRedelivery1764028800003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE deliveries ADD COLUMN redelivered_at timestamptz`);
    await runner.query(`ALTER TABLE webhooks ADD COLUMN deactivated_at timestamptz`);
    await runner.query(`CREATE INDEX events_owner ON events (owner_login, accepted_at DESC, event_id DESC)`);
    await runner.query(`
      CREATE TABLE jobs (
        id uuid PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('redelivery', 'replay')),
        webhook_id uuid NOT NULL,
        filter jsonb NOT NULL,
        rate_per_second int NOT NULL,
        state text NOT NULL CHECK (state IN ('running', 'done', 'cancelled')),
        matched int NOT NULL,
        redelivered int NOT NULL DEFAULT 0,
        expired int NOT NULL DEFAULT 0,
        cursor text,
        note text,
        lease_id uuid,
        lease_until timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        finished_at timestamptz
      )`);
    await runner.query(`CREATE INDEX jobs_webhook ON jobs (webhook_id, kind, id DESC)`);
    await runner.query(`CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jobs');
    await runner.query('DROP INDEX events_owner');
    await runner.query('ALTER TABLE webhooks DROP COLUMN deactivated_at');
    await runner.query('ALTER TABLE deliveries DROP COLUMN redelivered_at');
  }
}
