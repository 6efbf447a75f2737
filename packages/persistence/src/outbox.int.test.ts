import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from './database.js';
import { migrateDatabase } from './migrate.js';
import { Outbox, type OutboxRecord } from './outbox.js';
import { inTransaction } from './storing.js';

const log = { info: () => undefined, warn: () => undefined };
const aRecord = (n: number): OutboxRecord => ({
  topic: 'dits.webhooks',
  key: Buffer.from('k'),
  value: Buffer.from([n >> 8, n & 0xff]),
});

describe('Outbox', () => {
  let place: TestDatabase;
  let database: Database;
  let outbox: Outbox;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    outbox = new Outbox(database);
  });
  beforeEach(() => database.query('TRUNCATE outbox'));
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });
  const append = (...records: OutboxRecord[]) =>
    inTransaction(database, 'test', (tx) => outbox.append(tx, records));

  it('publishes bytes, tombstones and headers as they were written', async () => {
    const records: OutboxRecord[] = [
      {
        topic: 'a',
        key: Buffer.from([0, 255]),
        value: Buffer.from([1, 0, 2]),
        headers: { h: 'v', b: Buffer.from([255, 0]) },
      },
      { topic: 'b', key: null, value: null, headers: {} },
    ];
    await append(...records);
    const published: OutboxRecord[] = [];
    expect(await outbox.relay(10, async (batch) => void published.push(...batch))).toBe(2);
    expect(published).toEqual(records);
    expect(await outbox.size()).toEqual({ rows: 0, oldestSeconds: 0 });
  });

  it('publishes nothing of a transaction that was rolled back', async () => {
    const failing = inTransaction(database, 'test', async (tx) => {
      await outbox.append(tx, [aRecord(1)]);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await outbox.relay(10, async () => undefined)).toBe(0);
  });

  it('keeps the order with two relays at once and publishes each record once', async () => {
    const published: number[] = [];
    let busy = 0;
    const publish = async (batch: OutboxRecord[]) => {
      expect(++busy).toBe(1);
      for (const { value } of batch) {
        await new Promise(setImmediate);
        published.push(value!.readUInt16BE(0));
      }
      busy--;
    };
    const other = await openDatabase({ url: place.url, log });
    let written = 0;
    const write = async () => {
      for (; written < 400; written++) await append(aRecord(written));
    };
    const relay = async (through: Outbox) => {
      while (published.length < 400) await through.relay(7, publish);
    };
    await Promise.all([write(), relay(outbox), relay(new Outbox(other))]);
    expect(published).toEqual(Array.from({ length: 400 }, (_, i) => i));
    await other.destroy();
  });

  it('repeats, and does not lose, records when the relay dies between publishing and deleting', async () => {
    await append(aRecord(1), aRecord(2));
    const published: number[] = [];
    const dying = await openDatabase({ url: place.url, log, applicationName: 'dying-relay' });
    const first = new Outbox(dying).relay(10, async (batch) => {
      published.push(...batch.map(({ value }) => value!.readUInt16BE(0)));
      await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dying-relay'`,
      );
    });
    await expect(first).rejects.toMatchObject({ code: 'DITS_STORAGE_FAULT' });
    await outbox.relay(
      10,
      async (batch) => void published.push(...batch.map(({ value }) => value!.readUInt16BE(0))),
    );
    expect(published).toEqual([1, 2, 1, 2]);
    await dying.destroy();
  });

  it('keeps the records when publishing fails', async () => {
    await append(aRecord(1));
    await expect(outbox.relay(10, () => Promise.reject(new Error('no broker')))).rejects.toMatchObject({
      code: 'DITS_STORAGE_FAULT',
    });
    expect((await outbox.size()).rows).toBe(1);
    expect((await outbox.size()).oldestSeconds).toBeGreaterThan(0);
  });
});
