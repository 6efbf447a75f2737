import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from '../database.js';
import { migrateDatabase } from '../migrate.js';
import { HistoryPartitions } from './partitions.js';

// Others may keep the machine busy.
jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 10, 25, 12);
const log = { info: () => undefined, warn: () => undefined };

describe('HistoryPartitions', () => {
  let place: TestDatabase;
  let database: Database;
  const thePartitions = (o: { nowMs?: number; historyDays?: number; bodyDays?: number } = {}) => {
    const { nowMs = NOON, historyDays = 30, bodyDays = 7 } = o;
    return new HistoryPartitions({ database, retention: { historyDays, bodyDays }, now: () => nowMs });
  };
  const names = async (table: string) => {
    const rows = await database.query<{ name: string }[]>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1`,
      [table],
    );
    return rows.map(({ name }) => name);
  };

  beforeEach(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
  });
  afterEach(async () => {
    await database?.destroy();
    await place?.drop();
  });

  it('makes the partitions of yesterday to next week, once', async () => {
    const { created, dropped } = await thePartitions().maintain();
    expect(created).toHaveLength(9 * 5);
    expect(dropped).toEqual([]);
    expect(await names('deliveries')).toEqual(
      [24, 25, 26, 27, 28, 29, 30]
        .map((day) => `deliveries_202611${day}`)
        .concat('deliveries_20261201', 'deliveries_20261202'),
    );
    expect(await thePartitions().maintain()).toEqual({ created: [], dropped: [] });
  });

  it('gives partitions the keys and indexes of their table', async () => {
    await thePartitions().maintain();
    const missing = await database.query(
      `SELECT parent.indexrelid::regclass AS index, count(child.inhrelid) AS attached
       FROM pg_index parent LEFT JOIN pg_inherits child ON child.inhparent = parent.indexrelid
       WHERE parent.indrelid IN ('events'::regclass, 'event_bodies'::regclass, 'deliveries'::regclass,
         'attempts'::regclass, 'dead_letters'::regclass)
       GROUP BY 1 HAVING count(child.inhrelid) <> 9`,
    );
    expect(missing).toEqual([]);
  });

  it('has those that only get new rows not vacuumed for them, and the others as usual', async () => {
    await thePartitions().maintain();
    const settings = await database.query<{ name: string; settings: string[] | null }[]>(
      `SELECT relname AS name, reloptions AS settings FROM pg_class WHERE relname LIKE '%_20261125' AND relkind = 'r' ORDER BY 1`,
    );
    const notForInserts = ['autovacuum_vacuum_insert_threshold=-1'];
    expect(settings).toEqual([
      { name: 'attempts_20261125', settings: notForInserts },
      { name: 'dead_letters_20261125', settings: null },
      { name: 'deliveries_20261125', settings: null },
      { name: 'event_bodies_20261125', settings: notForInserts },
      { name: 'events_20261125', settings: null },
    ]);
  });

  it('makes each partition once when several processes want it', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => thePartitions().maintain()));
    expect(runs.flatMap(({ created }) => created)).toHaveLength(9 * 5);
  });

  it('makes an old day within the retention on demand, and no day outside of it', async () => {
    const partitions = thePartitions();
    const days = [-30, -29, -6, 7, 8].map((day) => NOON + day * DAY_MS);
    expect(await partitions.ensureFor(days)).toEqual([
      ...['events', 'deliveries', 'attempts', 'dead_letters'].map((table) => `${table}_20261027`),
      ...['events', 'event_bodies', 'deliveries', 'attempts', 'dead_letters'].map(
        (table) => `${table}_20261119`,
      ),
      ...['events', 'event_bodies', 'deliveries', 'attempts', 'dead_letters'].map(
        (table) => `${table}_20261202`,
      ),
    ]);
    expect(days.map((ms) => partitions.keepsHistory(ms))).toEqual([false, true, true, true, false]);
    expect(days.map((ms) => partitions.keepsBody(ms))).toEqual([false, false, true, true, false]);
  });

  it('begins a day at midnight UTC', async () => {
    await thePartitions().maintain();
    const add = (at: string) =>
      database.query(
        `INSERT INTO event_bodies VALUES (gen_random_uuid(), $1, '') RETURNING tableoid::regclass::text AS name`,
        [at],
      );
    expect(await add('2026-11-25T23:59:59.999Z')).toEqual([{ name: 'event_bodies_20261125' }]);
    expect(await add('2026-11-26T00:00:00.000Z')).toEqual([{ name: 'event_bodies_20261126' }]);
  });

  it('drops bodies and history that are past their retention, and no others', async () => {
    await thePartitions().maintain();
    const { dropped } = await thePartitions({ nowMs: NOON + 9 * DAY_MS }).maintain();
    expect(dropped).toEqual(['24', '25', '26', '27'].map((day) => `event_bodies_202611${day}`));
    const later = await thePartitions({ nowMs: NOON + 9 * DAY_MS, historyDays: 10 }).maintain();
    expect(later.dropped).toEqual(
      ['attempts', 'dead_letters', 'deliveries', 'events'].map((table) => `${table}_20261124`),
    );
    expect(await names('deliveries')).not.toContain('deliveries_20261124');
  });

  it('does not wait for long on a partition that is being read', async () => {
    await thePartitions().maintain();
    const reader = database.createQueryRunner();
    await reader.startTransaction();
    try {
      await reader.query('SELECT count(*) FROM deliveries_20261124');
      const partitions = thePartitions({ nowMs: NOON + 40 * DAY_MS });
      await expect(partitions.maintain()).rejects.toMatchObject({ code: 'DITS_STORAGE_FAULT' });
      await reader.rollbackTransaction();
      expect((await partitions.maintain()).dropped).toContain('deliveries_20261124');
    } finally {
      await reader.release();
    }
  });
});
