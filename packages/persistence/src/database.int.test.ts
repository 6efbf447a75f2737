import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { databaseBytes, poolUse } from './database-use.js';
import { openDatabase } from './database.js';
import { migrateDatabase, readSchemaVersion } from './migrate.js';

const warnings: string[] = [];
const log = { info: () => undefined, warn: (_: object, message = '') => void warnings.push(message) };

describe('openDatabase', () => {
  let place: TestDatabase;
  beforeAll(async () => {
    place = await createDatabase();
  });
  afterAll(() => place.drop());

  it('refuses a database whose schema is behind, naming the migrations', async () => {
    await expect(openDatabase({ url: place.url, log })).rejects.toMatchObject({
      code: 'DITS_SCHEMA_BEHIND',
      message: expect.stringContaining('CreateWebhooks'),
    });
  });

  it('migrates once when several processes migrate at the same time', async () => {
    const { pending } = await readSchemaVersion({ url: place.url, log });
    const runs = await Promise.all([1, 2, 3].map(() => migrateDatabase({ url: place.url, log })));
    expect(runs.flat().toSorted()).toEqual(pending.toSorted());
    expect(await readSchemaVersion({ url: place.url, log })).toEqual({ executed: pending, pending: [] });
  });

  it('says that the database can not be reached', async () => {
    await expect(openDatabase({ url: 'postgres://x@127.0.0.1:1/x', log })).rejects.toMatchObject({
      code: 'DITS_STORAGE_FAULT',
    });
  });

  it('gives bigints as exact numbers and refuses to round', async () => {
    const database = await openDatabase({ url: place.url, log });
    const values = [0, 2 ** 31, 2 ** 52, 2 ** 53 - 1];
    expect(
      await database.query('SELECT $1::bigint[] AS many, $2::bigint AS one', [values, 2 ** 53 - 1]),
    ).toEqual([{ many: values, one: 2 ** 53 - 1 }]);
    await expect(database.query('SELECT 9007199254740993::bigint')).rejects.toThrow('2^53-1');
    await database.destroy();
  });

  it('tells how its pool is used, and how large it is', async () => {
    const database = await openDatabase({ url: place.url, log, poolSize: 1 });
    await database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      const waiting = database.query('SELECT 1');
      expect(poolUse(database)).toEqual({ busy: 1, idle: 0, waiting: 1, limit: 1 });
      // Not awaited here: it gets its connection when this one is free.
      void waiting;
    });
    expect(await databaseBytes(database)).toBeGreaterThan(1_000_000);
    expect(poolUse(database)).toEqual({ busy: 0, idle: 1, waiting: 0, limit: 1 });
    await database.destroy();
  });

  it('cancels a statement that takes too long', async () => {
    const database = await openDatabase({ url: place.url, log, statementTimeoutMs: 50 });
    await expect(database.query('SELECT pg_sleep(30)')).rejects.toThrow('statement timeout');
    await database.destroy();
  });

  it('outlives connections that the server ends, idle or in use, and goes on with new ones', async () => {
    const database = await openDatabase({ url: place.url, log, applicationName: 'to-be-cut' });
    const other = await openDatabase({ url: place.url, log, applicationName: 'cutter' });
    const cut = () =>
      other.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'to-be-cut' AND datname = current_database()`,
      );
    const held = database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      await cut();
      await tx.query('SELECT 1');
    });
    await expect(held).rejects.toThrow();
    await database.query('SELECT 1');
    await cut();
    // The pool hears of it by itself; poll until it has.
    while (!warnings.includes('database.idle_connection_lost')) await new Promise(setImmediate);
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.destroy();
    await other.destroy();
  });
});
