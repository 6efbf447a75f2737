import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, type TestApi, type TestCall } from '../testing.js';

const HOOK = { url: 'https://a.example/', events: ['push'] };
const at = '/v1/repos/123/webhooks';
const nowhere = `${at}/019aba1c-5d30-7c6f-9f0e-2b7f6a1d9c11`;
const raw = (payload: string, type = 'application/json'): TestCall => ({
  body: payload,
  headers: { 'content-type': type },
});

describe('a bad request', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  }, 60_000);
  afterAll(() => api?.stop());

  it.each<[string, string, string, TestCall, number, string]>([
    ['no token', 'GET', at, { token: null }, 401, 'A token is needed'],
    ['a token nobody knows', 'GET', at, { token: 'dits_x' }, 401, 'not valid'],
    [
      'another kind of authorization',
      'GET',
      at,
      { token: null, headers: { authorization: 'Basic YTpi' } },
      401,
      '',
    ],
    ['malformed JSON', 'POST', at, raw('{"url":'), 400, 'not JSON'],
    ['an empty body called JSON', 'POST', at, raw(''), 400, 'not JSON'],
    ['no body', 'POST', at, {}, 422, 'must be an object'],
    ['a form', 'POST', at, raw('url=x', 'application/x-www-form-urlencoded'), 415, 'application/json'],
    ['plain text', 'POST', at, raw('x', 'text/plain'), 415, 'application/json'],
    ['a list', 'POST', at, { body: [] }, 422, 'must be an object'],
    [
      'a body of more than 256 KiB',
      'POST',
      at,
      { body: { x: 'x'.repeat(262_144) } },
      413,
      'larger than 262144',
    ],
    [
      'a compressed body',
      'POST',
      at,
      { body: HOOK, headers: { 'content-encoding': 'gzip' } },
      415,
      'compressed',
    ],
    ['bad fields', 'POST', at, { body: { url: 'ftp://x', events: ['pull'] } }, 422, 'url: must begin with'],
    ['a field nobody knows', 'POST', at, { body: { ...HOOK, urls: 1 } }, 422, 'urls: is not a field here'],
    [
      'a repository that is no number',
      'POST',
      '/v1/repos/abc/webhooks',
      { body: HOOK },
      422,
      'repo: must be',
    ],
    ['a negative repository', 'GET', '/v1/repos/-1/webhooks', {}, 422, 'repo: must be'],
    ['a repository beyond 2^53-1', 'GET', '/v1/repos/9007199254740992/webhooks', {}, 422, 'repo: must be'],
    ['a repository with leading zeros', 'GET', '/v1/repos/0123/webhooks', {}, 422, 'repo: must be'],
    ['a login with a space', 'GET', '/v1/owners/a%20b/webhooks', {}, 422, 'login: must not hold'],
    ['a login with a NUL', 'GET', '/v1/owners/a%00/webhooks', {}, 422, 'login: must not hold'],
    [
      'a login that is too long',
      'GET',
      `/v1/owners/${'a'.repeat(101)}/webhooks`,
      {},
      422,
      'login: must have at most 100',
    ],
    ['a webhook that is no id', 'GET', `${at}/xyz`, {}, 404, 'no webhook xyz'],
    ['a webhook nobody knows', 'GET', nowhere, {}, 404, 'no webhook'],
    ['a change of a webhook nobody knows', 'PATCH', nowhere, { body: {} }, 404, 'no webhook'],
    ['a bad change', 'PATCH', nowhere, { body: { active: 1 } }, 422, 'active: must be true or false'],
    ['deleting a webhook nobody knows', 'DELETE', nowhere, {}, 404, 'no webhook'],
    ['pinging a webhook nobody knows', 'POST', `${nowhere}/ping`, {}, 404, 'no webhook'],
    ['rotating for a webhook nobody knows', 'POST', `${nowhere}/secret/rotate`, {}, 404, 'no webhook'],
    [
      'a bad rotation',
      'POST',
      `${nowhere}/secret/rotate`,
      { body: { overlap_seconds: -1 } },
      422,
      'overlap_seconds',
    ],
    ['deliveries of a webhook nobody knows', 'GET', `${nowhere}/deliveries`, {}, 404, 'no webhook'],
    ['a delivery of a webhook nobody knows', 'GET', `${nowhere}/deliveries/x`, {}, 404, 'no webhook'],
    ['a limit of 0', 'GET', `${at}?limit=0`, {}, 422, 'limit: must be an integer from 1 to 100'],
    ['a limit of 101', 'GET', `${at}?limit=101`, {}, 422, 'limit: must be an integer from 1 to 100'],
    ['a limit that is no number', 'GET', `${at}?limit=x`, {}, 422, 'limit: must be an integer'],
    ['two limits', 'GET', `${at}?limit=1&limit=2`, {}, 422, 'limit: must be a string'],
    ['a cursor of another list', 'GET', `${at}?cursor=abc`, {}, 422, 'cursor: is not a cursor'],
    ['a parameter nobody knows', 'GET', `${at}?page=2`, {}, 422, 'page: is not a field here'],
    ['a status nobody knows', 'GET', `${nowhere}/deliveries?status=Lost`, {}, 422, 'status: must be one of'],
    [
      'a status of the prototype',
      'GET',
      `${nowhere}/deliveries?status=constructor`,
      {},
      422,
      'status: must be',
    ],
    [
      'a response class nobody knows',
      'GET',
      `${nowhere}/deliveries?response=6xx`,
      {},
      422,
      'response: must be',
    ],
    [
      'a time without a zone',
      'GET',
      `${nowhere}/deliveries?since=2026-11-25T00:00:00`,
      {},
      422,
      'since: must be',
    ],
    [
      'a day that is none',
      'GET',
      `${nowhere}/deliveries?until=2026-13-01T00:00:00Z`,
      {},
      422,
      'until: must be',
    ],
    ['an event that can be none', 'GET', `${nowhere}/deliveries?event=%00`, {}, 422, 'event: must be'],
    ['a path nobody knows', 'GET', '/v1/nothing', {}, 404, 'nothing at /v1/nothing'],
    ['a method nobody knows', 'PUT', at, { body: HOOK }, 405, 'PUT is not possible'],
    [
      'an Idempotency-Key that is too long',
      'POST',
      at,
      { body: HOOK, headers: { 'idempotency-key': 'x'.repeat(256) } },
      422,
      'Idempotency-Key: must be',
    ],
    [
      'a token without a name',
      'POST',
      '/v1/tokens',
      { body: { scopes: ['admin'] } },
      422,
      'name: is required',
    ],
    [
      'a token without scopes',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: [] } },
      422,
      'scopes: must name',
    ],
    [
      'a scope nobody knows',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: ['root'] } },
      422,
      'scopes[0]: must be one of',
    ],
    [
      'a NUL in a name',
      'POST',
      '/v1/tokens',
      { body: { name: 'a\0', scopes: ['admin'] } },
      422,
      'name: must not hold',
    ],
    [
      'a limit to no repository',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: ['webhooks:read'], repository_ids: [] } },
      422,
      'repository_ids: must name',
    ],
    [
      'a limit to a broken repository',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: ['webhooks:read'], repository_ids: [1.5] } },
      422,
      'repository_ids[0]: must be an integer',
    ],
    [
      'an admin with limits',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: ['admin'], repository_ids: [1] } },
      422,
      'scopes: must not hold admin',
    ],
    [
      'an expiry in the past',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: ['admin'], expires_at: '2020-01-01T00:00:00Z' } },
      422,
      'expires_at: must be in the future',
    ],
    [
      'an expiry that is no time',
      'POST',
      '/v1/tokens',
      { body: { name: 'x', scopes: ['admin'], expires_at: 'never' } },
      422,
      'expires_at: must be an RFC 3339',
    ],
    ['revoking a token nobody knows', 'DELETE', '/v1/tokens/xyz', {}, 404, 'no token xyz'],
    [
      'a token id nobody knows',
      'GET',
      `/v1/tokens/${'0'.repeat(8)}-0000-7000-8000-${'0'.repeat(12)}`,
      {},
      404,
      'no token',
    ],
  ])('with %s is answered by a problem that says so', async (_, method, url, call, status, detail) => {
    const answer = await api.call(method, url, call);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json).toMatchObject({
      type: 'about:blank',
      title: expect.any(String),
      status,
      code: expect.stringMatching(/^[a-z_]+$/),
      detail: expect.stringContaining(detail),
    });
    expect(answer.status).toBe(status);
    if (status === 422)
      expect(answer.json.errors[0]).toEqual({ path: expect.any(String), message: expect.any(String) });
    if (status === 401) expect(answer.headers['www-authenticate']).toContain('Bearer');
  });

  it('names every bad field with its path', async () => {
    const { json } = await api.call('POST', at, { body: { url: 1, events: ['push', 'pull', 'push'], x: 1 } });
    expect(json.errors.map(({ path }: { path: string }) => path)).toEqual([
      'url',
      'events[1]',
      'events[2]',
      'x',
    ]);
  });
});
