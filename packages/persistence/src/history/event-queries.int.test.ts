import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from '../database.js';
import { deadLettersQuery, type DeadLetterFilter } from '../dead-letters/dead-letter-store.js';
import { migrateDatabase } from '../migrate.js';
import { cursorOf, pastEventsQuery, type EventFilter, type PastEvent } from './event-queries.js';
import { HistoryPartitions } from './partitions.js';
import { ACCEPTED_AT_MS, WEBHOOK_ID } from './testing.js';

const DAY_MS = 86_400_000;
const log = { info: () => undefined, warn: () => undefined };

// Twenty days of events of many repositories and of dead letters, for plans as a grown table has them.
describe('plans', () => {
  let place: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database, retention, now: () => ACCEPTED_AT_MS });
    await partitions.ensurePartitions({
      from: new Date(ACCEPTED_AT_MS - 20 * DAY_MS),
      to: new Date(ACCEPTED_AT_MS),
    });
    const newest = new Date(ACCEPTED_AT_MS);
    await database.query(
      `INSERT INTO events (event_id, accepted_at, event, repository_id, owner_login, ref, routed_at)
       SELECT gen_random_uuid(), at, 'push', n % 500, 'owner' || n % 50, 'refs/heads/main', at
       FROM generate_series(1, 40000) n, LATERAL (SELECT $1::timestamptz - n * interval '43 seconds' AS at) t`,
      [newest],
    );
    await database.query(
      `INSERT INTO dead_letters (id, dead_lettered_at, stage, reason, error, topic, headers)
       SELECT gen_random_uuid(), $1::timestamptz - n * interval '43 seconds', CASE n % 100 WHEN 0 THEN 'router' ELSE 'dispatcher' END,
         'reason' || n % 50, '', 'topic' || n % 50, '{}' FROM generate_series(1, 40000) n`,
      [newest],
    );
    await database.query('ANALYZE events, deliveries, event_bodies, dead_letters');
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  async function planOf(sql: string, parameters: unknown[]): Promise<string> {
    const lines = await database.query<{ 'QUERY PLAN': string }[]>(
      `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${sql}`,
      parameters,
    );
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  }
  const repository = { repositoryId: 7, ownerLogin: null } as const;
  const owner = { repositoryId: null, ownerLogin: 'owner7' } as const;

  it.each<[string, Omit<EventFilter, 'events'>, string]>([
    ['a repository', { scope: repository }, 'repository_id_accepted_at'],
    ['an owner', { scope: owner }, 'owner_login_accepted_at'],
    ['what a webhook missed', { scope: repository, missedBy: WEBHOOK_ID }, 'repository_id_accepted_at'],
  ])('of past events of %s use an index, and read no further than a page', async (_, filter, index) => {
    const first = pastEventsQuery({ ...filter, events: ['push'] }, null, 20);
    const plan = await planOf(first.sql, first.parameters);
    expect(plan).toMatch(new RegExp(`Index Scan (Backward )?using events_\\d+_${index}`));
    expect(plan).toMatch(/events_20261125\w* .*\(never executed\)/);
    const page = await database.query<PastEvent[]>(first.sql, first.parameters);
    expect(page).toHaveLength(20);
    const next = pastEventsQuery({ ...filter, events: ['push'] }, cursorOf(page[19]!), 20);
    const after = await database.query<PastEvent[]>(next.sql, next.parameters);
    expect(after[0]!.acceptedAt.getTime()).toBeGreaterThan(page[19]!.acceptedAt.getTime());
  });

  it.each<[string, DeadLetterFilter, string]>([
    ['all', {}, 'dead_lettered_at'],
    ['a stage', { stage: 'router' }, 'stage_dead_lettered_at'],
    ['a reason', { reason: 'reason3' }, 'reason_dead_lettered_at'],
    ['a topic', { topic: 'topic3' }, 'topic_dead_lettered_at'],
  ])('of dead letters by %s use an index, and read no further than a page', async (_, filter, index) => {
    const [sql, parameters] = deadLettersQuery(database, filter, null).limit(20).getQueryAndParameters();
    const plan = await planOf(sql, parameters);
    expect(plan).toMatch(new RegExp(`Index Scan using dead_letters_\\d+_${index}`));
    expect(plan).toMatch(/dead_letters_20261106\w* .*\(never executed\)/);
  });
});
