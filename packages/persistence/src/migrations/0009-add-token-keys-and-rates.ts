import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which key a token's hash was made with, and rates of its own. */
export class AddTokenKeysAndRates1764028800009 implements MigrationInterface {
  readonly name = 'AddTokenKeysAndRates1764028800009';

  async up(runner: QueryRunner): Promise<void> {
    // 'default' is the id of a key that was configured without one.
    await runner.query(`
      ALTER TABLE tokens
        ADD COLUMN key_id text NOT NULL DEFAULT 'default',
        ADD COLUMN requests_per_second integer CHECK (requests_per_second >= 0),
        ADD COLUMN events_per_second integer CHECK (events_per_second >= 0)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE tokens DROP COLUMN key_id, DROP COLUMN requests_per_second, DROP COLUMN events_per_second',
    );
  }
}
