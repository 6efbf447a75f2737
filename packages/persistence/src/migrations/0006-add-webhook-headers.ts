import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Headers that a webhook's owner has put on each request; values sealed. */
export class AddWebhookHeaders1764028800006 implements MigrationInterface {
  readonly name = 'AddWebhookHeaders1764028800006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE webhooks ADD COLUMN headers jsonb NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE webhooks DROP COLUMN headers');
  }
}
