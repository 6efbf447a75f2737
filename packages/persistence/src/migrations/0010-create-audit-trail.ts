import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who changed what; partitioned by the UTC month. Partitions are made by `AuditPartitions`. */
export class CreateAuditTrail1764028800010 implements MigrationInterface {
  readonly name = 'CreateAuditTrail1764028800010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_entries (
        id uuid NOT NULL,
        at timestamptz NOT NULL,
        action text NOT NULL,
        actor_kind text NOT NULL,
        actor_id text NOT NULL,
        actor_name text,
        actor_issuer text,
        address text,
        request_id text,
        target_kind text NOT NULL,
        target_id text,
        webhook_id uuid,
        repository_id bigint,
        owner_login text,
        changes jsonb NOT NULL,
        PRIMARY KEY (id, at)
      ) PARTITION BY RANGE (at)`);
    await runner.query('CREATE INDEX audit_entries_by_time ON audit_entries (at DESC, id DESC)');
    for (const filter of ['action', 'actor_id']) {
      await runner.query(
        `CREATE INDEX audit_entries_by_${filter} ON audit_entries (${filter}, at DESC, id DESC)`,
      );
    }
    for (const filter of ['webhook_id', 'repository_id', 'owner_login']) {
      await runner.query(
        `CREATE INDEX audit_entries_by_${filter} ON audit_entries (${filter}, at DESC, id DESC) WHERE ${filter} IS NOT NULL`,
      );
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_entries');
  }
}
