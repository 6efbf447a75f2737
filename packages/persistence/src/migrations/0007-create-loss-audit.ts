import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the loss audit looks things up by, which events it has put back, and whether it has to wait. */
export class CreateLossAudit1764028800007 implements MigrationInterface {
  readonly name = 'CreateLossAudit1764028800007';

  async up(runner: QueryRunner): Promise<void> {
    // Both hold what is on its way and nothing else: few rows, however long the history is.
    await runner.query(
      `CREATE INDEX deliveries_due ON deliveries ((coalesce(next_attempt_at, updated_at)))
       WHERE status IN ('pending', 'retrying')`,
    );
    await runner.query(`CREATE INDEX events_unrouted ON events (accepted_at) WHERE routed_at IS NULL`);
    await runner.query(`
      CREATE TABLE events_put_back (
        event_id uuid NOT NULL,
        accepted_at timestamptz NOT NULL,
        put_back_at timestamptz NOT NULL,
        PRIMARY KEY (event_id, accepted_at)
      )`);
    // One row while the history is being rebuilt, and is not to be judged by; it stays when that is broken off.
    await runner.query(`CREATE TABLE history_rebuilds (begun_at timestamptz NOT NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE history_rebuilds, events_put_back');
    await runner.query('DROP INDEX events_unrouted');
    await runner.query('DROP INDEX deliveries_due');
  }
}
