import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from './database.js';
import { IdempotencyStore, type IdempotencyClaim } from './idempotency-store.js';
import { migrateDatabase } from './migrate.js';
import { inTransaction } from './storing.js';

const log = { info: () => undefined, warn: () => undefined };
const START = Date.UTC(2026, 10, 25);
const at = (ms: number): Date => new Date(START + ms);

function aClaim(fields: Partial<IdempotencyClaim> = {}): IdempotencyClaim {
  return {
    tokenId: randomUUID(),
    key: 'k-1',
    fingerprint: Buffer.from('a'),
    claimId: randomUUID(),
    ...fields,
  };
}

describe('IdempotencyStore', () => {
  let place: TestDatabase;
  let database: Database;
  let store: IdempotencyStore;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    store = new IdempotencyStore(database);
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });
  const again = (claim: IdempotencyClaim): IdempotencyClaim => ({ ...claim, claimId: randomUUID() });

  it('lets one of many tries at the same time through', async () => {
    const claim = aClaim();
    const results = await Promise.all(Array.from({ length: 8 }, () => store.claim(again(claim), at(0))));
    expect(results.map(({ kind }) => kind).toSorted()).toEqual(['claimed', ...Array(7).fill('in_progress')]);
  });

  it('gives the kept answer to the same request, for 24 hours', async () => {
    const claim = aClaim();
    await store.claim(claim, at(0));
    await store.keep(claim, 'the answer');
    expect(await store.claim(again(claim), at(86_399_999))).toEqual({
      kind: 'answered',
      answer: 'the answer',
    });
    expect(await store.claim(again(claim), at(86_400_000))).toEqual({ kind: 'claimed' });
  });

  it('tells another request under the same key from a repeat, before and after the answer', async () => {
    const claim = aClaim();
    const other = again({ ...claim, fingerprint: Buffer.from('b') });
    await store.claim(claim, at(0));
    expect(await store.claim(other, at(1))).toEqual({ kind: 'other_request' });
    await store.keep(claim, 'x');
    expect(await store.claim(other, at(1))).toEqual({ kind: 'other_request' });
  });

  it('keeps the keys of tokens apart', async () => {
    await store.claim(aClaim({ key: 'same' }), at(0));
    expect(await store.claim(aClaim({ key: 'same' }), at(0))).toEqual({ kind: 'claimed' });
  });

  it('starts anew after a release', async () => {
    const claim = aClaim();
    await store.claim(claim, at(0));
    await store.release(claim);
    expect(await store.claim(again(claim), at(1))).toEqual({ kind: 'claimed' });
  });

  it('lets a later try take over from one that died, and then refuses the late answer of the first', async () => {
    const claim = aClaim();
    await store.claim(claim, at(0));
    expect(await store.claim(again(claim), at(59_999))).toEqual({ kind: 'in_progress' });
    expect(await store.claim(again(claim), at(60_000))).toEqual({ kind: 'claimed' });
    await expect(store.keep(claim, 'late')).rejects.toMatchObject({ code: 'DITS_STORAGE_FAULT' });
  });

  it('loses the answer with the transaction it belongs to', async () => {
    const claim = aClaim();
    await store.claim(claim, at(0));
    const failing = inTransaction(database, 'test', async (tx) => {
      await store.keep(claim, 'x', tx);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await store.claim(again(claim), at(1))).toEqual({ kind: 'in_progress' });
  });

  it('removes what is older than 24 hours', async () => {
    await store.claim(aClaim(), at(-86_400_000 * 3));
    expect(await store.deleteExpired(at(-86_400_000 * 2))).toBe(1);
  });
});
