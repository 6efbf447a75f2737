import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretBox, publicKeyOf } from '@dits/signing';
import { startApi, until, type TestApi } from '../testing.js';

const URL_OF_KEYS = '/.well-known/dits-webhooks/keys';
const WEBHOOK = { url: 'https://a.example/hook', events: ['push'] };
const isKey = expect.stringMatching(/^whpk_[A-Za-z0-9+/]{43}=$/);

describe('ed25519 keys of a webhook', () => {
  let api: TestApi;
  let snapshots: { key: string; value: any }[];
  let box: SecretBox;
  let nextRepositoryId = 900;
  beforeAll(async () => {
    api = await startApi();
    box = new SecretBox(api.runtime.config.secretKeys);
    snapshots = (await api.follow(api.topics.webhooks)).records;
  }, 60_000);
  afterAll(() => api?.stop());

  async function aWebhook(fields: object = { ed25519: true }) {
    const path = `/v1/repos/${nextRepositoryId++}/webhooks`;
    const { json, headers } = await api.call('POST', path, { body: { ...WEBHOOK, ...fields } });
    return { ...json, path: headers.location! };
  }
  const published = (id: string) => api.call('GET', `${URL_OF_KEYS}/${id}`, { token: null });
  /** The private keys that the newest snapshot of a version holds, opened. */
  async function onTopic(
    id: string,
    version: number,
  ): Promise<{ key: string; expiresAtMs: number | null }[]> {
    const { record } = await until(
      () => snapshots.find(({ key, value }) => key === id && value?.record.version === version)?.value,
    );
    return (record.signing_keys ?? []).map((one: { sealed: string; expires_at_ms: number | null }) => ({
      key: box.open(one.sealed, id),
      expiresAtMs: one.expires_at_ms,
    }));
  }

  it('are made when it asks, shown to everybody by the public half, and sealed for the dispatcher', async () => {
    const webhook = await aWebhook();
    expect(webhook).toMatchObject({ ed25519: true, public_keys: [{ key: isKey, expires_at: null }] });
    const [{ key }] = webhook.public_keys;
    const { status, json, headers } = await published(webhook.id);
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=300']);
    const x = Buffer.from(key.slice('whpk_'.length), 'base64').toString('base64url');
    expect(json).toEqual({
      keys: [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: expect.any(String), x }],
    });
    const [sealed] = await onTopic(webhook.id, 1);
    expect(publicKeyOf(sealed!.key)).toBe(key);
    expect(JSON.stringify([webhook, json])).not.toContain('whsk_');
  });

  it('names a key by its thumbprint as RFC 8037 does', async () => {
    const webhook = await aWebhook();
    // RFC 8037, appendices A.2 and A.3.
    await api.database.query(
      `UPDATE webhooks SET signing_keys = jsonb_set(signing_keys, '{0,public_key}', $2) WHERE id = $1`,
      [webhook.id, JSON.stringify('whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=')],
    );
    expect((await published(webhook.id)).json.keys[0]).toMatchObject({
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    });
  });

  it('is something a webhook does not have unless it asks, and nobody learns whether there is one', async () => {
    const webhook = await aWebhook({});
    expect(webhook).toMatchObject({ ed25519: false, public_keys: [] });
    expect(await onTopic(webhook.id, 1)).toEqual([]);
    const [there, notThere, noId] = await Promise.all(
      [webhook.id, '019aba1c-5d30-7c6f-9f0e-2b7f6a1d9c11', 'x'].map(published),
    );
    expect(there).toMatchObject({ status: 404, json: { code: 'public_keys_not_found' } });
    expect(notThere!.json).toEqual({ ...there!.json, detail: notThere!.json.detail });
    expect(noId!.status).toBe(404);
  });

  it('are switched on and off by a change; on again they are new ones', async () => {
    const webhook = await aWebhook({});
    const patch = async (ed25519: boolean) =>
      (await api.call('PATCH', webhook.path, { body: { ed25519 } })).json;
    const on = await patch(true);
    expect(on).toMatchObject({ version: 2, public_keys: [{ key: isKey }] });
    expect((await patch(true)).public_keys).toEqual(on.public_keys);
    expect(await patch(false)).toMatchObject({ ed25519: false, public_keys: [] });
    expect((await published(webhook.id)).status).toBe(404);
    expect((await patch(true)).public_keys[0].key).not.toBe(on.public_keys[0].key);
  });

  it('overlap when they are rotated, two at most', async () => {
    const webhook = await aWebhook();
    const rotate = (overlap_seconds: number) =>
      api.call('POST', `${webhook.path}/signing-key/rotate`, { body: { overlap_seconds } });
    const before = Date.now();
    const { status, json } = await rotate(3600);
    expect(status).toBe(200);
    const [{ key: old }] = webhook.public_keys;
    expect(json.public_keys).toEqual([
      { key: isKey, expires_at: null },
      { key: old, expires_at: expect.any(String) },
    ]);
    const expiresAtMs = Date.parse(json.public_keys[1].expires_at);
    expect(expiresAtMs).toBeGreaterThanOrEqual(before + 3_600_000);
    expect((await published(webhook.id)).json.keys).toMatchObject([
      {},
      { exp: Math.floor(expiresAtMs / 1000) },
    ]);
    const keys = await onTopic(webhook.id, 2);
    expect(keys.map((one) => publicKeyOf(one.key))).toEqual(
      json.public_keys.map((one: { key: string }) => one.key),
    );
    expect(keys[1]!.expiresAtMs).toBe(expiresAtMs);

    const again = await rotate(60);
    expect(again.json.public_keys.map((one: { key: string }) => one.key)).toEqual([
      isKey,
      json.public_keys[0].key,
    ]);
    expect((await rotate(0)).json.public_keys).toHaveLength(1);
  });

  it('can not be rotated where there are none', async () => {
    const webhook = await aWebhook({});
    const answer = await api.call('POST', `${webhook.path}/signing-key/rotate`, {});
    expect(answer).toMatchObject({ status: 409, json: { code: 'no_signing_key' } });
  });

  it.each(['whsk_AAAAAAAA', 'whpk_AAAAAAAA'])('can not be set as a secret: %s', async (secret) => {
    const answer = await api.call('POST', '/v1/repos/1/webhooks', { body: { ...WEBHOOK, secret } });
    expect(answer).toMatchObject({ status: 422, json: { errors: [{ path: 'secret' }] } });
    expect(answer.text).not.toContain(secret);
  });
});
