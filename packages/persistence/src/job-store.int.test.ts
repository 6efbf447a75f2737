import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from './database.js';
import { Job } from './entities/job.js';
import { JobStore } from './job-store.js';
import { migrateDatabase } from './migrate.js';

const log = { info: () => undefined, warn: () => undefined };
const WEBHOOK_ID = randomUUID();
const id = (n: number) => `019aba4d-0000-7000-8000-${String(n).padStart(12, '0')}`;

describe('JobStore', () => {
  let place: TestDatabase;
  let database: Database;
  let store: JobStore;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    store = new JobStore(database);
  });
  beforeEach(() => database.query('TRUNCATE jobs'));
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  async function aJob(n: number): Promise<string> {
    const now = new Date();
    const job = Object.assign(new Job(), {
      id: id(n),
      kind: 'redelivery',
      webhookId: WEBHOOK_ID,
      filter: { status: 'failed' },
      ratePerSecond: 100,
      state: 'running',
      matched: 3,
      redelivered: 0,
      expired: 0,
      cursor: null,
      note: null,
      leaseId: null,
      leaseUntil: null,
      createdAt: now,
      updatedAt: now,
      finishedAt: null,
    } satisfies Job);
    await database.transaction((tx) => store.insert(tx, job));
    return job.id;
  }
  const which = (n: number) => ({ webhookId: WEBHOOK_ID, kind: 'redelivery' as const, id: id(n) });
  const lock = (n: number, leaseId: string) => database.transaction((tx) => store.lock(tx, id(n), leaseId));
  const [me, other] = [randomUUID(), randomUUID()];

  it('gives each job to one of many that ask at once, the oldest first', async () => {
    for (const n of [2, 1, 3]) await aJob(n);
    expect(await store.claim(me, 60_000)).toBe(id(1));
    const claimed = await Promise.all([1, 2, 3, 4, 5].map(() => store.claim(randomUUID(), 60_000)));
    expect(claimed.filter((found) => found !== null).toSorted()).toEqual([id(2), id(3)]);
  });

  it('gives a job to another when its lease is over, and the former holder can not go on', async () => {
    await aJob(1);
    await store.claim(me, 0);
    expect(await store.claim(other, 60_000)).toBe(id(1));
    expect(await lock(1, me)).toBeNull();
    expect(await lock(1, other)).toMatchObject({ id: id(1), filter: { status: 'failed' } });
  });

  it('gives a job to another at once when it was given back', async () => {
    await aJob(1);
    await store.claim(me, 60_000);
    expect(await store.claim(other, 60_000)).toBeNull();
    await store.release(me);
    expect(await store.claim(other, 60_000)).toBe(id(1));
  });

  it('adds up what the steps did, and keeps the cursor where it is when a step has none', async () => {
    await aJob(1);
    await store.claim(me, 1_000);
    const advance = (redelivered: number, expired: number, cursor: string | null) =>
      database.transaction((tx) => store.advance(tx, id(1), { redelivered, expired, cursor }, 60_000));
    await advance(2, 1, 'a');
    await advance(3, 0, null);
    expect(await store.find(which(1))).toMatchObject({
      redelivered: 5,
      expired: 1,
      cursor: 'a',
      state: 'running',
    });
    await database.transaction((tx) => store.finish(tx, id(1), { state: 'done' }));
    expect(await store.find(which(1))).toMatchObject({
      state: 'done',
      finishedAt: expect.any(Date),
      note: null,
    });
    expect(await store.claim(other, 60_000)).toBeNull();
  });

  it('takes a cancelled job away from its holder, once', async () => {
    await aJob(1);
    await store.claim(me, 60_000);
    expect(await store.cancel(database.manager, which(1))).toBe(true);
    expect(await lock(1, me)).toBeNull();
    expect(await store.cancel(database.manager, which(1))).toBe(false);
    expect(await store.cancel(database.manager, { ...which(1), kind: 'replay' })).toBe(false);
    expect(await store.find(which(1))).toMatchObject({ state: 'cancelled' });
  });

  it('lists the jobs of a webhook, newest first, in pages', async () => {
    for (const n of [1, 2, 3]) await aJob(n);
    const { id: _, ...of } = which(1);
    expect((await store.list(of, { after: null, limit: 2 })).map((job) => job.id)).toEqual([id(3), id(2)]);
    expect((await store.list(of, { after: id(2), limit: 2 })).map((job) => job.id)).toEqual([id(1)]);
    expect(await store.list({ ...of, webhookId: randomUUID() }, { after: null, limit: 2 })).toEqual([]);
  });
});
