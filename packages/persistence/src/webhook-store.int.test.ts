import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from './database.js';
import { Webhook } from './entities/webhook.js';
import { migrateDatabase } from './migrate.js';
import { inTransaction } from './storing.js';
import { WebhookStore } from './webhook-store.js';

const log = { info: () => undefined, warn: () => undefined };
const START = Date.UTC(2026, 10, 25);

function aWebhook(fields: Partial<Webhook> = {}): Webhook {
  return Object.assign(new Webhook(), {
    id: randomUUID(),
    repositoryId: 123,
    ownerLogin: null,
    url: 'https://your-app.com/webhook',
    events: ['push', 'repo.*'],
    active: true,
    disabledReason: null,
    deactivatedAt: null,
    secrets: [{ sealed: 'v1.k.abc', expires_at_ms: null }],
    headers: [{ name: 'Authorization', sealed: 'v1.k.def' }],
    signingKeys: [{ sealed: 'v1.k.ghi', expires_at_ms: null, public_key: 'whpk_x' }],
    retryStatuses: [408, 429],
    maxConcurrency: null,
    rateLimitPerSecond: 5,
    sendTraceparent: true,
    version: 1,
    createdAt: new Date(START),
    updatedAt: new Date(START),
    ...fields,
  });
}

describe('WebhookStore', () => {
  let place: TestDatabase;
  let database: Database;
  let store: WebhookStore;
  const add = (webhook: Webhook) => inTransaction(database, 'test', (tx) => store.insert(tx, webhook));
  const repository = (repositoryId: number) => ({ repositoryId, ownerLogin: null });
  const owner = (ownerLogin: string) => ({ repositoryId: null, ownerLogin });

  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    store = new WebhookStore(database);
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  it.each([0, 2 ** 31, 2 ** 52, 2 ** 53 - 1])(
    'keeps every field, with repository id %d exact',
    async (id) => {
      const webhook = aWebhook({ repositoryId: id });
      await add(webhook);
      expect(await store.find(repository(id), webhook.id)).toEqual(webhook);
    },
  );

  it('finds a webhook only in its own scope', async () => {
    const webhook = aWebhook({ repositoryId: null, ownerLogin: 'acme' });
    await add(webhook);
    expect(await store.find(owner('acme'), webhook.id)).toEqual(webhook);
    expect(await store.find(owner('other'), webhook.id)).toBeNull();
    expect(await store.find(repository(123), webhook.id)).toBeNull();
  });

  it.each([
    ['neither scope', { repositoryId: null, ownerLogin: null }],
    ['both scopes', { repositoryId: 1, ownerLogin: 'acme' }],
    ['an owner that is not in lower case', { repositoryId: null, ownerLogin: 'Acme' }],
  ])('refuses a webhook with %s', async (_, scope) => {
    await expect(add(aWebhook(scope))).rejects.toMatchObject({ code: 'DITS_STORAGE_FAULT' });
  });

  it('pages through webhooks in order without missing or repeating one', async () => {
    const ids = Array.from({ length: 25 }, () => randomUUID()).toSorted();
    for (const id of ids) await add(aWebhook({ id, repositoryId: 77 }));
    const seen: string[] = [];
    for (;;) {
      const page = await store.list(repository(77), { after: seen.at(-1) ?? null, limit: 10 });
      seen.push(...page.map(({ id }) => id));
      if (page.length < 10) break;
    }
    expect(seen).toEqual(ids);
  });

  it('makes changes of one webhook wait for each other, so none is lost', async () => {
    const webhook = aWebhook();
    await add(webhook);
    const countUp = () =>
      inTransaction(database, 'test', async (tx) => {
        const locked = (await store.lock(tx, repository(123), webhook.id))!;
        await store.update(tx, Object.assign(locked, { version: locked.version + 1 }));
      });
    await Promise.all(Array.from({ length: 8 }, countUp));
    expect((await store.find(repository(123), webhook.id))?.version).toBe(9);
  });

  it('removes a webhook for good', async () => {
    const webhook = aWebhook();
    await add(webhook);
    await inTransaction(database, 'test', (tx) => store.remove(tx, webhook.id));
    expect(await store.find(repository(123), webhook.id)).toBeNull();
  });

  it('counts them: active, switched off by their owner, and by the service', async () => {
    const before = await store.count();
    await add(aWebhook());
    await add(aWebhook({ active: false }));
    for (const disabledReason of ['gone', 'failing']) await add(aWebhook({ active: false, disabledReason }));
    const { active, inactive, disabled } = await store.count();
    expect([active - before.active, inactive - before.inactive, disabled - before.disabled]).toEqual([
      1, 1, 2,
    ]);
  });
});
