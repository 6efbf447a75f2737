import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from './database.js';
import { Token } from './entities/token.js';
import { migrateDatabase } from './migrate.js';
import { TokenStore } from './token-store.js';

const log = { info: () => undefined, warn: () => undefined };
const START = Date.UTC(2026, 10, 25);

function aToken(fields: Partial<Token> = {}): Token {
  return Object.assign(new Token(), {
    id: randomUUID(),
    name: 'ci',
    prefix: 'dits_abc',
    hash: randomBytes(32),
    keyId: 'k1',
    scopes: ['webhooks:read'],
    repositoryIds: [0, 2 ** 53 - 1],
    ownerLogins: ['acme'],
    requestsPerSecond: 5,
    eventsPerSecond: 0,
    createdAt: new Date(START),
    expiresAt: new Date(START + 1),
    revokedAt: null,
    lastUsedAt: null,
    ...fields,
  });
}

describe('TokenStore', () => {
  let place: TestDatabase;
  let database: Database;
  let store: TokenStore;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    store = new TokenStore(database);
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });
  const add = (token: Token) => store.insert(database.manager, token);

  it('keeps every field and finds a token by its hash', async () => {
    const token = aToken();
    await add(token);
    expect(await store.findByHash([token.hash])).toEqual(token);
    expect(await store.findByHash([randomBytes(32), token.hash])).toEqual(token);
    expect(await store.findByHash([randomBytes(32)])).toBeNull();
  });

  it('prefers the hash under the first key', async () => {
    const [older, newer] = [aToken(), aToken()];
    await add(older);
    await add(newer);
    expect((await store.findByHash([newer.hash, older.hash]))?.id).toBe(newer.id);
    expect((await store.findByHash([older.hash, newer.hash]))?.id).toBe(older.id);
  });

  it('replaces a hash once, also when several processes do it', async () => {
    const token = aToken();
    await add(token);
    const to = { hash: randomBytes(32), keyId: 'k2' };
    await Promise.all([1, 2, 3].map(() => store.rehash(token.id, token.hash, to)));
    expect(await store.findByHash([token.hash])).toBeNull();
    expect(await store.findByHash([to.hash])).toEqual({ ...token, ...to });
    await store.rehash(token.id, token.hash, { hash: randomBytes(32), keyId: 'k3' });
    expect((await store.find(token.id))?.keyId).toBe('k2');
  });

  it('refuses the same hash twice', async () => {
    const token = aToken();
    await add(token);
    await expect(add(aToken({ hash: token.hash }))).rejects.toMatchObject({ code: 'DITS_STORAGE_FAULT' });
  });

  it('revokes a token once, keeps its hash known, and lists it no more', async () => {
    const token = aToken();
    await add(token);
    expect(await store.revoke(database.manager, token.id, new Date(START))).toBe(true);
    expect(await store.revoke(database.manager, token.id, new Date(START))).toBe(false);
    expect(await store.findByHash([token.hash])).toMatchObject({ revokedAt: new Date(START) });
    expect((await store.list({ after: null, limit: 100 })).map(({ id }) => id)).not.toContain(token.id);
  });

  it('makes sure of one bootstrap token when several processes start at once, and revives a revoked one', async () => {
    const hash = randomBytes(32);
    const ensure = () =>
      database.transaction((tx) =>
        store.ensure(tx, aToken({ hash, scopes: ['admin'], repositoryIds: null, expiresAt: null })),
      );
    const made = await Promise.all([ensure(), ensure(), ensure()]);
    expect(made.map(({ was }) => was).toSorted()).toEqual(['absent', 'good', 'good']);
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    const first = (await store.findByHash([hash]))!;
    await store.revoke(database.manager, first.id, new Date(START));
    expect(await ensure()).toEqual({ id: first.id, was: 'revoked' });
    expect(await store.findByHash([hash])).toMatchObject({
      id: first.id,
      scopes: ['admin'],
      revokedAt: null,
    });
  });

  it('notes the uses of many tokens at once, and never moves a time back', async () => {
    const [one, two, other] = [aToken(), aToken(), aToken()];
    for (const token of [one, two, other]) await add(token);
    await store.touchAll(
      new Map([
        [one.id, new Date(START + 2)],
        [two.id, new Date(START + 3)],
        [randomUUID(), new Date(START)],
      ]),
    );
    await store.touchAll(new Map([[one.id, new Date(START + 1)]]));
    const used = await Promise.all(
      [one, two, other].map(async ({ id }) => (await store.find(id))?.lastUsedAt),
    );
    expect(used).toEqual([new Date(START + 2), new Date(START + 3), null]);
  });
});
