import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a webhook's attempts carry the context of the trace. */
export class AddSendTraceparent1764028800011 implements MigrationInterface {
  readonly name = 'AddSendTraceparent1764028800011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE webhooks ADD COLUMN send_traceparent boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE webhooks DROP COLUMN send_traceparent');
  }
}
