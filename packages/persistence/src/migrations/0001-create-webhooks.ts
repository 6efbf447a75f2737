import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Webhooks, tokens, the outbox and the answers kept for Idempotency-Key. */
export class CreateWebhooks1764028800001 implements MigrationInterface {
  readonly name = 'CreateWebhooks1764028800001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhooks (
        id uuid PRIMARY KEY,
        repository_id bigint,
        owner_login text,
        url text NOT NULL,
        events text[] NOT NULL,
        active boolean NOT NULL,
        disabled_reason text,
        secrets jsonb NOT NULL,
        retry_statuses int[] NOT NULL DEFAULT '{}',
        max_concurrency int,
        rate_limit_per_second int,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT webhooks_one_scope CHECK (num_nonnulls(repository_id, owner_login) = 1),
        CONSTRAINT webhooks_owner_lower CHECK (owner_login = lower(owner_login COLLATE "C"))
      )`);
    await runner.query(
      `CREATE INDEX webhooks_repository ON webhooks (repository_id, id) WHERE repository_id IS NOT NULL`,
    );
    await runner.query(
      `CREATE INDEX webhooks_owner ON webhooks (owner_login, id) WHERE owner_login IS NOT NULL`,
    );
    await runner.query(`
      CREATE TABLE tokens (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        prefix text NOT NULL,
        hash bytea NOT NULL UNIQUE,
        scopes text[] NOT NULL,
        repository_ids bigint[],
        owner_logins text[],
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
      )`);
    await runner.query(`
      CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL,
        key bytea,
        value bytea,
        headers jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE idempotency_keys (
        token_id uuid NOT NULL,
        key text NOT NULL,
        fingerprint bytea NOT NULL,
        claim uuid NOT NULL,
        claimed_at timestamptz NOT NULL,
        answer text,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (token_id, key)
      )`);
    await runner.query(`CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys, outbox, tokens, webhooks');
  }
}
