import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How the attempts of each webhook went, day by day: what tells that a webhook is gone, or has been failing for long. */
export class CreateWebhookDays1764028800005 implements MigrationInterface {
  readonly name = 'CreateWebhookDays1764028800005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_days (
        webhook_id uuid NOT NULL,
        day date NOT NULL,
        last_delivered_at timestamptz,
        first_failed_at timestamptz,
        last_failed_at timestamptz,
        last_gone_at timestamptz,
        PRIMARY KEY (webhook_id, day)
      )`);
    await runner.query(
      `CREATE INDEX webhook_days_gone ON webhook_days (webhook_id) WHERE last_gone_at IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX webhook_days_day ON webhook_days (day)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_days');
  }
}
