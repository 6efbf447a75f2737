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
    scopes: ['webhooks:read'],
    repositoryIds: [0, 2 ** 53 - 1],
    ownerLogins: ['acme'],
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
    expect(await store.findByHash(token.hash)).toEqual(token);
    expect(await store.findByHash(randomBytes(32))).toBeNull();
  });

  it('refuses the same hash twice', async () => {
    const token = aToken();
    await add(token);
    await expect(add(aToken({ hash: token.hash }))).rejects.toMatchObject({ code: 'DITS_STORAGE_FAULT' });
  });

  it('revokes a token once, keeps its hash known, and lists it no more', async () => {
    const token = aToken();
    await add(token);
    expect(await store.revoke(token.id, new Date(START))).toBe(true);
    expect(await store.revoke(token.id, new Date(START))).toBe(false);
    expect(await store.findByHash(token.hash)).toMatchObject({ revokedAt: new Date(START) });
    expect((await store.list({ after: null, limit: 100 })).map(({ id }) => id)).not.toContain(token.id);
  });

  it('makes sure of one bootstrap token when several processes start at once, and revives a revoked one', async () => {
    const hash = randomBytes(32);
    const ensure = () =>
      store.ensure(aToken({ hash, scopes: ['admin'], repositoryIds: null, expiresAt: null }));
    await Promise.all([ensure(), ensure(), ensure()]);
    const first = (await store.findByHash(hash))!;
    await store.revoke(first.id, new Date(START));
    await ensure();
    expect(await store.findByHash(hash)).toMatchObject({ id: first.id, scopes: ['admin'], revokedAt: null });
  });

  it('never moves the time of the last use back', async () => {
    const token = aToken();
    await add(token);
    await store.touch(token.id, new Date(START + 2));
    await store.touch(token.id, new Date(START + 1));
    expect((await store.find(token.id))?.lastUsedAt).toEqual(new Date(START + 2));
  });
});
