import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ed25519 keys that sign a webhook's deliveries besides its secrets; private keys sealed. */
export class AddSigningKeys1764028800008 implements MigrationInterface {
  readonly name = 'AddSigningKeys1764028800008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE webhooks ADD COLUMN signing_keys jsonb NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE webhooks DROP COLUMN signing_keys');
  }
}
