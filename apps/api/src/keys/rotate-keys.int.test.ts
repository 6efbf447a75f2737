import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditStore, inTransaction, Outbox, SealedValues, WebhookStore } from '@dits/persistence';
import { uuidV7 } from '@dits/domain';
import { SecretBox, sealKeyId, type SealKey } from '@dits/signing';
import { AuditTrail } from '../audit/audit-trail.js';
import { startApi, type TestApi } from '../testing.js';
import { readKeysOfTopic } from './read-topic.js';
import { rotateKeys, type RotateDeps } from './rotate-keys.js';
import { statusOfKeys } from './status.js';

const older: SealKey = { id: 'k1', key: randomBytes(32) };
const newer: SealKey = { id: 'k2', key: randomBytes(32) };
const textOf = (...keys: SealKey[]) =>
  keys.map(({ id, key }) => `${id}:${Buffer.from(key).toString('base64')}`).join(',');

describe('rotating the key that seals', () => {
  let api: TestApi;
  let deps: RotateDeps;
  let nextRepositoryId = 500;
  beforeAll(async () => {
    // The api of the step before: it still seals with the old key.
    api = await startApi({ DITS_SECRET_KEYS: textOf(older, newer) });
    await api.codec.register();
  }, 60_000);
  afterAll(() => api?.stop());
  beforeEach(() => {
    const { runtime, codec, topics, database } = api;
    deps = {
      values: new SealedValues(database),
      webhooks: new WebhookStore(database),
      audit: new AuditTrail({
        entries: new AuditStore(database),
        newId: () => uuidV7(Date.now(), randomBytes(10)),
      }),
      outbox: new Outbox(database),
      inTransaction: (what, work) => inTransaction(database, what, work),
      codec,
      topics,
      box: new SecretBox([newer, older]),
      readTopic: () =>
        readKeysOfTopic({ kafka: runtime.kafka, codec, topic: topics.webhooks, log: runtime.log }),
      pause,
      onProgress: () => undefined,
    };
  });

  async function aWebhook() {
    const body = {
      url: 'https://a.example/hook',
      events: ['push'],
      secret: 'a secret of the webhook',
      headers: { Authorization: 'Bearer of-the-receiver' },
      ed25519: true,
    };
    const path = `/v1/repos/${nextRepositoryId++}/webhooks`;
    const headers = { 'idempotency-key': `of ${path}`.replaceAll(' ', '-') };
    const create = () => api.call('POST', path, { body, headers });
    const { json, headers: answered } = await create();
    return { id: json.id as string, json, path: answered.location!, create };
  }
  const status = async () =>
    statusOfKeys({ keyId: 'k2', counts: await deps.values.count(), topic: await deps.readTopic() });
  const row = async (id: string) =>
    (await api.database.query<any[]>('SELECT * FROM webhooks WHERE id = $1', [id]))[0];

  it('seals secrets, headers, private keys and kept answers anew, in the database and on the topic', async () => {
    const webhook = await aWebhook();
    await api.call('POST', `${webhook.path}/secret/rotate`, { body: { overlap_seconds: 3600 } });
    await api.call('POST', `${webhook.path}/signing-key/rotate`, { body: { overlap_seconds: 3600 } });
    const before = await row(webhook.id);
    expect((await status()).keys).toEqual([
      { keyId: 'k1', places: { secrets: 2, headers: 1, signing_keys: 2, answers: 1, topic: 5 } },
    ]);

    expect(await rotateKeys(deps)).toEqual({
      keyId: 'k2',
      webhooks: 1,
      answers: 1,
      unopened: [],
      leftOnTopic: [],
    });
    expect(await status()).toEqual({
      keyId: 'k2',
      isDone: true,
      keys: [{ keyId: 'k2', places: { secrets: 2, headers: 1, signing_keys: 2, answers: 1, topic: 5 } }],
    });
    // Nothing changes for the owner: what they say is the same, and so are version and times.
    const after = await row(webhook.id);
    const [was, is] = [new SecretBox([older]), new SecretBox([newer])];
    for (const column of ['secrets', 'headers', 'signing_keys']) {
      const opened = (box: SecretBox, values: { sealed: string }[]) =>
        values.map((value) => ({ ...value, sealed: box.open(value.sealed, webhook.id) }));
      expect(opened(is, after[column])).toEqual(opened(was, before[column]));
    }
    const { secrets: _, headers: __, signing_keys: ___, ...rest } = after;
    expect(before).toMatchObject(rest);
    // A repeated request still gets its answer, which has the secret.
    expect((await webhook.create()).json).toEqual(webhook.json);
  });

  it('does nothing the second time', async () => {
    await aWebhook();
    await rotateKeys(deps);
    expect(await rotateKeys(deps)).toMatchObject({ webhooks: 0, answers: 0 });
  });

  it('is broken off at any time, and taken up where it was', async () => {
    await Promise.all(Array.from({ length: 130 }, aWebhook));
    const stop = new AbortController();
    const broken = rotateKeys({ ...deps, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(broken).rejects.toThrow(/abort/i);
    const half = await status();
    expect(half.isDone).toBe(false);
    expect(half.keys.map(({ keyId }) => keyId)).toEqual(['k1', 'k2']);
    expect(await rotateKeys(deps)).toMatchObject({ webhooks: 30, unopened: [] });
    expect((await status()).isDone).toBe(true);
  });

  it('loses no change that is made meanwhile, and seals what comes with the old key meanwhile, too', async () => {
    const webhooks = await Promise.all(Array.from({ length: 20 }, aWebhook));
    let changes: Promise<unknown>[] = [];
    await rotateKeys({
      ...deps,
      readTopic: async () => {
        // After the first round: this api seals with the old key still.
        if (changes.length === 0) {
          changes = webhooks.map(({ path }, i) =>
            api.call('PATCH', path, { body: { secret: `changed meanwhile ${i}`, events: ['push.tag'] } }),
          );
          await Promise.all(changes);
        }
        return deps.readTopic();
      },
    });
    expect((await status()).isDone).toBe(true);
    const box = new SecretBox([newer]);
    for (const [i, { id }] of webhooks.entries()) {
      const { events, secrets, version } = await row(id);
      expect([events, version, box.open(secrets[0].sealed, id)]).toEqual([
        ['push.tag'],
        2,
        `changed meanwhile ${i}`,
      ]);
    }
  });

  it('publishes anew what only the topic has sealed with the old key', async () => {
    const { id } = await aWebhook();
    await rotateKeys(deps);
    const { codec, topics } = deps;
    const rows = await api.database.query<any[]>('SELECT * FROM webhooks WHERE id = $1', [id]);
    const sealed = new SecretBox([older]).seal('s', id);
    const value = codec.encode('webhook', {
      webhook_id: id,
      version: 1,
      repository_id: 1,
      owner_login: null,
      url: rows[0].url,
      events: ['push'],
      active: true,
      disabled_reason: null,
      secrets: [{ sealed, expires_at_ms: null }],
      headers: null,
      signing_keys: null,
      retry_statuses: [],
      max_concurrency: null,
      rate_limit_per_second: null,
      deactivated_at_ms: null,
      created_at_ms: 0,
      updated_at_ms: 0,
    });
    await deps.inTransaction('test', (tx) =>
      deps.outbox.append(tx, [{ topic: topics.webhooks, key: Buffer.from(id), value }]),
    );
    expect(await rotateKeys(deps)).toMatchObject({ webhooks: 0, leftOnTopic: [] });
    expect((await status()).isDone).toBe(true);
  });

  it('says what it can not open, and seals the rest', async () => {
    const [lost, other] = [await aWebhook(), await aWebhook()];
    const { secrets } = await row(lost.id);
    const sealed = new SecretBox([{ id: 'k0', key: randomBytes(32) }]).seal('s', lost.id);
    await api.database.query('UPDATE webhooks SET secrets = $2 WHERE id = $1', [
      lost.id,
      JSON.stringify([{ ...secrets[0], sealed }]),
    ]);
    const done = await rotateKeys(deps);
    expect(done.unopened).toEqual([{ what: `webhook ${lost.id}`, reason: expect.stringContaining('k0') }]);
    expect(sealKeyId((await row(other.id)).secrets[0].sealed)).toBe('k2');
    await api.call('DELETE', lost.path);
    expect(await rotateKeys(deps)).toMatchObject({ unopened: [], leftOnTopic: [] });
  });
});
