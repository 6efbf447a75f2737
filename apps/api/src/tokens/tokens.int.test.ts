import { randomBytes } from 'node:crypto';
import { hashToken } from '@dits/signing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN, startApi, type TestApi } from '../testing.js';

const HOOK = { url: 'https://a.example/', events: ['push'] };

describe('tokens over HTTP', () => {
  const keys = ['k2', 'k1'].map((id) => ({ id, key: randomBytes(32) }));
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({
      DITS_TOKEN_KEY: keys.map(({ id, key }) => `${id}:${key.toString('base64')}`).join(),
    });
  }, 60_000);
  afterAll(() => api?.stop());

  async function aToken(fields: object): Promise<{ id: string; token: string }> {
    const { status, json } = await api.call('POST', '/v1/tokens', { body: { name: 'test', ...fields } });
    expect(status).toBe(201);
    return json;
  }

  it('shows a token once, and stores nothing it could be made of', async () => {
    const body = {
      name: 'ci',
      scopes: ['webhooks:read'],
      repository_ids: [123, 2 ** 53 - 1],
      owner_logins: ['Acme'],
      requests_per_second: 7,
      events_per_second: 0,
      expires_at: '2099-01-01T02:00:00+02:00',
    };
    const { status, headers, json } = await api.call('POST', '/v1/tokens', { body });
    const { token, ...shown } = json;
    expect({ status, json }).toEqual({
      status: 201,
      json: {
        ...body,
        id: expect.any(String),
        prefix: token.slice(0, 9),
        owner_logins: ['acme'],
        key_id: 'k2',
        created_at: expect.any(String),
        expires_at: '2099-01-01T00:00:00.000Z',
        last_used_at: null,
        token: expect.stringMatching(/^dits_\w{46}$/),
      },
    });
    expect((await api.call('GET', headers.location!)).json).toEqual(shown);
    const { data } = (await api.call('GET', '/v1/tokens?limit=100')).json;
    expect(data).toContainEqual(shown);
    const rows = await api.database.query('SELECT t::text AS text FROM tokens t');
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(rows)).not.toContain(ADMIN);
    for (const line of api.logged()) expect(JSON.stringify(line)).not.toContain(token);
  });

  it('has a token work from its 201 on, and stop soon after its 204', async () => {
    const { id, token } = await aToken({ scopes: ['webhooks:read'] });
    const list = () => api.call('GET', '/v1/repos/1/webhooks', { token });
    expect((await list()).status).toBe(200);
    expect((await api.call('DELETE', `/v1/tokens/${id}`)).status).toBe(204);
    while ((await list()).status === 200) await new Promise(setImmediate);
    expect((await list()).status).toBe(401);
    expect((await api.call('DELETE', `/v1/tokens/${id}`)).status).toBe(404);
    expect((await api.call('GET', `/v1/tokens/${id}`)).status).toBe(404);
  });

  it.each([
    ['webhooks:read', { read: 200, write: 403, tokens: 403 }],
    ['webhooks:write', { read: 403, write: 201, tokens: 403 }],
    ['events:write', { read: 403, write: 403, tokens: 403 }],
    ['admin', { read: 200, write: 201, tokens: 200 }],
  ])('lets %s do what it says and no more', async (scope, expected) => {
    const { token } = await aToken({ scopes: [scope] });
    const read = await api.call('GET', '/v1/repos/1/webhooks', { token });
    const write = await api.call('POST', '/v1/repos/1/webhooks', { token, body: HOOK });
    const tokens = await api.call('GET', '/v1/tokens', { token });
    expect({ read: read.status, write: write.status, tokens: tokens.status }).toEqual(expected);
    for (const { status, json, headers } of [read, write, tokens]) {
      if (status !== 403) continue;
      expect(json.code).toBe('insufficient_scope');
      expect(headers['www-authenticate']).toContain('insufficient_scope');
    }
  });

  it('keeps a token within its limits on every path: unknown to a reader, forbidden to a writer', async () => {
    const { token } = await aToken({
      scopes: ['webhooks:read', 'webhooks:write'],
      repository_ids: [1],
      owner_logins: ['acme'],
    });
    const inside = await api.call('POST', '/v1/repos/1/webhooks', { token, body: HOOK });
    expect(inside.status).toBe(201);
    expect((await api.call('POST', '/v1/owners/ACME/webhooks', { token, body: HOOK })).status).toBe(201);
    const outside = (await api.call('POST', '/v1/repos/2/webhooks', { body: HOOK })).headers.location!;
    const calls: [string, string, number][] = [
      ['GET', '/v1/repos/2/webhooks', 404],
      ['GET', outside, 404],
      ['GET', `${outside}/deliveries`, 404],
      ['GET', `${outside}/deliveries/x`, 404],
      ['GET', '/v1/owners/other/webhooks', 404],
      ['POST', '/v1/repos/2/webhooks', 403],
      ['PATCH', outside, 403],
      ['DELETE', outside, 403],
      ['POST', `${outside}/ping`, 403],
      ['POST', `${outside}/secret/rotate`, 403],
      ['POST', '/v1/owners/other/webhooks', 403],
    ];
    for (const [method, url, status] of calls) {
      const answer = await api.call(method, url, { token, ...(method !== 'GET' && { body: {} }) });
      expect([method, url, answer.status]).toEqual([method, url, status]);
    }
    // The id of a webhook of another repository does not help within one's own.
    const id = outside.split('/').at(-1);
    expect((await api.call('GET', `/v1/repos/1/webhooks/${id}`, { token })).status).toBe(404);
    expect((await api.call('DELETE', `/v1/repos/1/webhooks/${id}`, { token })).status).toBe(404);
  });

  it('moves a token to a new key when it is used', async () => {
    const { id, token } = await aToken({ scopes: ['webhooks:read'] });
    const [, { hash, keyId }] = hashToken(token, keys) as [unknown, { hash: Buffer; keyId: string }];
    await api.database.query('UPDATE tokens SET hash = $2, key_id = $3 WHERE id = $1', [id, hash, keyId]);
    expect((await api.call('GET', '/v1/repos/1/webhooks', { token })).status).toBe(200);
    const keyIdOf = async () => (await api.call('GET', `/v1/tokens/${id}`)).json.key_id as string;
    while ((await keyIdOf()) !== 'k2') await new Promise(setImmediate);
    expect((await api.call('GET', '/v1/repos/1/webhooks', { token })).status).toBe(200);
  });

  it('keeps a token to its own rate, and says on every answer what is left', async () => {
    const { token } = await aToken({ scopes: ['webhooks:read'], requests_per_second: 1 });
    const answers = [];
    for (let i = 0; i < 20; i++) answers.push(await api.call('GET', `/v1/repos/${i}/webhooks`, { token }));
    expect(answers[0]!.headers).toMatchObject({
      'ratelimit-policy': '"api";q=10;w=10',
      ratelimit: '"api";r=9;t=1',
    });
    const last = answers.find(({ status }) => status === 429)!;
    expect(last.json.code).toBe('rate_limited');
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('notes the use of a token', async () => {
    const { id, token } = await aToken({ scopes: ['webhooks:read'] });
    await api.call('GET', '/v1/repos/1/webhooks', { token });
    const used = async () => (await api.call('GET', `/v1/tokens/${id}`)).json.last_used_at as string | null;
    while ((await used()) === null) await new Promise(setImmediate);
    expect(Date.now() - Date.parse((await used())!)).toBeLessThan(60_000);
  });
});
