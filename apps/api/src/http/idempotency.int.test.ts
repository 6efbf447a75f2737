import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, type TestApi } from '../testing.js';

const HOOK = { url: 'https://a.example/', events: ['push'] };

describe('Idempotency-Key', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  }, 60_000);
  afterAll(() => api?.stop());

  const post = (key: string, o: { url?: string; body?: object; token?: string } = {}) =>
    api.call('POST', o.url ?? '/v1/repos/5/webhooks', {
      body: o.body ?? HOOK,
      headers: { 'idempotency-key': key },
      ...(o.token && { token: o.token }),
    });

  it('gives the first answer again, secret and all, and makes one webhook', async () => {
    const key = randomUUID();
    const first = await post(key);
    const second = await post(key);
    expect(first.status).toBe(201);
    expect(second.status).toBe(201);
    expect(second.json).toEqual(first.json);
    expect(second.headers.location).toBe(first.headers.location);
    expect(second.headers['idempotency-replayed']).toBe('true');
    const { data } = (await api.call('GET', '/v1/repos/5/webhooks')).json;
    expect(data.filter(({ id }: { id: string }) => id === first.json.id)).toHaveLength(1);
  });

  it.each([
    ['ping', '/ping', 202],
    ['rotation', '/secret/rotate', 200],
  ])('makes one %s', async (_, path, status) => {
    const { headers } = await post(randomUUID());
    const key = randomUUID();
    const first = await post(key, { url: headers.location! + path, body: {} });
    const second = await post(key, { url: headers.location! + path, body: {} });
    expect(first.status).toBe(status);
    expect([second.status, second.json]).toEqual([status, first.json]);
  });

  it('makes one token', async () => {
    const key = randomUUID();
    const o = { url: '/v1/tokens', body: { name: 'x', scopes: ['webhooks:read'] } };
    expect((await post(key, o)).json).toEqual((await post(key, o)).json);
  });

  it('makes one webhook of many requests at the same time', async () => {
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post(key, { url: '/v1/repos/6/webhooks' })),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
    expect(new Set(made.map(({ json }) => json.id)).size).toBe(1);
    expect((await api.call('GET', '/v1/repos/6/webhooks')).json.data).toHaveLength(1);
  });

  it('refuses the key for another body or path', async () => {
    const key = randomUUID();
    await post(key);
    for (const other of [{ body: { ...HOOK, active: false } }, { url: '/v1/repos/7/webhooks' }]) {
      const { status, json } = await post(key, other);
      expect([status, json.code]).toEqual([422, 'idempotency_key_reused']);
    }
    expect((await api.call('GET', '/v1/repos/7/webhooks')).json.data).toEqual([]);
  });

  it('keeps the keys of tokens apart', async () => {
    const key = randomUUID();
    const { json: other } = await api.call('POST', '/v1/tokens', {
      body: { name: 'o', scopes: ['webhooks:write'] },
    });
    const first = await post(key);
    const second = await post(key, { token: other.token });
    expect(second.status).toBe(201);
    expect(second.json.id).not.toBe(first.json.id);
  });

  it('lets a refused request be corrected under the same key', async () => {
    const key = randomUUID();
    expect((await post(key, { body: { ...HOOK, url: 'x' } })).status).toBe(422);
    expect((await post(key)).status).toBe(201);
  });

  it('stores no secret in clear', async () => {
    const key = randomUUID();
    const { json } = await post(key, { body: { ...HOOK, secret: 'do-not-store-me' } });
    expect(json.secret).toBe('do-not-store-me');
    const rows = await api.database.query(
      'SELECT k::text AS text FROM idempotency_keys k UNION ALL SELECT w::text FROM webhooks w',
    );
    expect(JSON.stringify(rows)).not.toContain('do-not-store-me');
  });
});
