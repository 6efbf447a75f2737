import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from '../database.js';
import { migrateDatabase } from '../migrate.js';
import { AuditPartitions } from './audit-partitions.js';
import { auditQuery, type AuditFilter } from './audit-store.js';

// Others may keep the machine busy.
jest.setTimeout(60_000);

const log = { info: () => undefined, warn: () => undefined };
const NOW = Date.UTC(2026, 10, 25, 12);
const DAY_MS = 86_400_000;
const WEBHOOK = '019aba1c-5d30-7c6f-9f0e-2b7f6a1d9c11';

describe('the audit trail in the database', () => {
  let place: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  const at = (nowMs: number) => new AuditPartitions({ database, now: () => nowMs });
  const partitions = async () => {
    const rows = await database.query<{ name: string }[]>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  it('has partitions for this month and two more, made once by however many', async () => {
    const made = await Promise.all([1, 2, 3].map(() => at(NOW).makeAhead()));
    expect(made.flat().toSorted()).toEqual([
      'audit_entries_202611',
      'audit_entries_202612',
      'audit_entries_202701',
    ]);
    expect(await at(NOW).maintain({ keepDays: 365 })).toEqual({ created: [], dropped: [] });
  });

  it('is dropped by months, and none that has a day which is kept', async () => {
    const lastKept = NOW + 365 * DAY_MS;
    expect((await at(lastKept).maintain({ keepDays: 365 })).dropped).toEqual([]);
    // 1 December 2027: 365 days before it is 1 December 2026, and all of November is past.
    const first = Date.UTC(2027, 11, 1);
    expect((await at(first - 1).maintain({ keepDays: 365 })).dropped).toEqual([]);
    expect((await at(first).maintain({ keepDays: 365 })).dropped).toEqual(['audit_entries_202611']);
    expect(await partitions()).not.toContain('audit_entries_202611');
  });

  describe('of a year', () => {
    beforeAll(async () => {
      for (let month = 0; month < 12; month++) await at(Date.UTC(2025, month, 1)).makeAhead();
      // One entry in a thousand is of each of those that are looked for.
      await database.query(
        `INSERT INTO audit_entries (id, at, action, actor_kind, actor_id, target_kind, target_id, webhook_id, repository_id,
           owner_login, changes)
         SELECT encode(decode(lpad(to_hex(ms), 12, '0'), 'hex') || '\\x7000800000000000'::bytea || int2send((i % 2000)::int2), 'hex')::uuid,
           to_timestamp(ms / 1000.0), CASE WHEN i % 1000 = 1 THEN 'webhook.deleted' ELSE 'webhook.changed' END, 'token',
           CASE WHEN i % 1000 = 2 THEN 'ada' ELSE 'ci' END, 'webhook', '',
           CASE WHEN i % 1000 = 3 THEN $1::uuid ELSE gen_random_uuid() END, CASE WHEN i % 1000 = 4 THEN 7 ELSE i + 100 END,
           CASE WHEN i % 1000 = 5 THEN 'acme' ELSE 'other' END, '[]'
         FROM (SELECT i, $2::bigint - i * 840000::bigint AS ms FROM generate_series(1, 36000) AS i) AS given`,
        [WEBHOOK, Date.UTC(2026, 0, 1)],
      );
      await database.query('ANALYZE audit_entries');
    });

    it.each<[string, AuditFilter, string]>([
      ['no filter', {}, 'at_id'],
      ['action', { action: 'webhook.deleted' }, 'action_at_id'],
      ['actor', { actorId: 'ada' }, 'actor_id_at_id'],
      ['webhook', { webhookId: WEBHOOK }, 'webhook_id_at_id'],
      ['repository', { repositoryId: 7 }, 'repository_id_at_id'],
      ['owner', { ownerLogin: 'acme' }, 'owner_login_at_id'],
    ])('is found by %s by an index, and nothing else is read', async (_, filter, index) => {
      const [sql, parameters] = auditQuery(database, filter, null).limit(31).getQueryAndParameters();
      const lines = await database.query<{ 'QUERY PLAN': string }[]>(
        `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${sql}`,
        parameters,
      );
      const plan = lines.map((line) => line['QUERY PLAN']).join('\n');
      expect(plan).toMatch(new RegExp(`Index (Only )?Scan using audit_entries_\\d+_${index}`));
      expect(plan).not.toMatch(/Rows Removed by Filter: \d\d|Seq Scan on audit_entries_2025/);
      // A few matches are sorted; what comes without a filter must not be.
      if (Object.keys(filter).length === 0) expect(plan).not.toContain('Sort Method');
    });

    it('of which a page opens no later month than it needs', async () => {
      const cursor = '0193d6a0-0000-7000-8000-000000000000'; // 17 December 2024 and before.
      const [sql, parameters] = auditQuery(database, {}, cursor).limit(31).getQueryAndParameters();
      const lines = await database.query<{ 'QUERY PLAN': string }[]>(`EXPLAIN ${sql}`, parameters);
      expect(JSON.stringify(lines)).not.toContain('audit_entries_2025');
    });
  });
});
