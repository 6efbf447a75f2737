import { randomUUID } from 'node:crypto';
import { generateToken } from '@dits/signing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCOPES } from '@dits/runtime';
import { startApi, type TestAnswer, type TestApi } from '../testing.js';

/** What an answer is known by: its status, and its code if it is a problem. */
type Seen = [number, string?];

/** Who may call a route: a token that reaches the repository or owner in its path, any token with the scope, or anybody. */
type Reach = 'tenant' | 'any' | 'open';

interface Row {
  reach: Reach;
  scope: (typeof SCOPES)[number] | null;
  /** What somebody gets who may call it. */
  allowed: Seen;
  body?: object;
}

const MISSING = '019aba1c-0000-7c6f-9f0e-000000000000';

/** Below `/v1/repos/:repo/webhooks` and `/v1/owners/:login/webhooks`. Changes name a webhook that is not there, or change nothing. */
const OF_A_TENANT: Record<string, Omit<Row, 'reach'>> = {
  'GET ': { scope: 'webhooks:read', allowed: [200] },
  'POST ': { scope: 'webhooks:write', allowed: [422, 'invalid_fields'], body: {} },
  'GET /:webhook': { scope: 'webhooks:read', allowed: [200] },
  'PATCH /:webhook': { scope: 'webhooks:write', allowed: [422, 'invalid_fields'], body: { url: 7 } },
  'DELETE /:missing': { scope: 'webhooks:write', allowed: [404, 'webhook_not_found'] },
  'POST /:missing/ping': { scope: 'webhooks:write', allowed: [404, 'webhook_not_found'] },
  'POST /:missing/secret/rotate': { scope: 'webhooks:write', allowed: [404, 'webhook_not_found'] },
  'POST /:missing/signing-key/rotate': { scope: 'webhooks:write', allowed: [404, 'webhook_not_found'] },
  'GET /:webhook/deliveries': { scope: 'webhooks:read', allowed: [200] },
  'GET /:webhook/deliveries/:delivery': { scope: 'webhooks:read', allowed: [404, 'delivery_not_found'] },
  'POST /:webhook/deliveries/:delivery/redeliver': {
    scope: 'webhooks:write',
    allowed: [404, 'delivery_not_found'],
  },
  ...Object.fromEntries(
    ['redeliveries', 'replays'].flatMap((jobs) => [
      [`GET /:webhook/${jobs}`, { scope: 'webhooks:read', allowed: [200] }],
      [
        `POST /:webhook/${jobs}`,
        { scope: 'webhooks:write', allowed: [422, 'invalid_fields'], body: { x: 1 } },
      ],
      [`GET /:webhook/${jobs}/:job`, { scope: 'webhooks:read', allowed: [404, 'job_not_found'] }],
      [`DELETE /:webhook/${jobs}/:job`, { scope: 'webhooks:write', allowed: [404, 'job_not_found'] }],
    ]),
  ),
};

const OTHERS: Record<string, Row> = {
  'GET /v1/event-types': { reach: 'any', scope: 'webhooks:read', allowed: [200] },
  'GET /v1/audit': { reach: 'any', scope: 'admin', allowed: [200] },
  'GET /v1/dead-letters': { reach: 'any', scope: 'admin', allowed: [200] },
  'GET /v1/dead-letters/:letter': { reach: 'any', scope: 'admin', allowed: [404, 'dead_letter_not_found'] },
  'POST /v1/dead-letters/replay': {
    reach: 'any',
    scope: 'admin',
    allowed: [422, 'invalid_fields'],
    body: { x: 1 },
  },
  'GET /v1/tokens': { reach: 'any', scope: 'admin', allowed: [200] },
  'POST /v1/tokens': { reach: 'any', scope: 'admin', allowed: [422, 'invalid_fields'], body: {} },
  'GET /v1/tokens/:token': { reach: 'any', scope: 'admin', allowed: [404, 'token_not_found'] },
  'DELETE /v1/tokens/:token': { reach: 'any', scope: 'admin', allowed: [404, 'token_not_found'] },
  'GET /openapi.json': { reach: 'open', scope: null, allowed: [200] },
  'GET /.well-known/dits-webhooks/keys/:missing': {
    reach: 'open',
    scope: null,
    allowed: [404, 'public_keys_not_found'],
  },
  'GET /docs': { reach: 'open', scope: null, allowed: [200] },
};

const BASES = ['/v1/repos/:repo/webhooks', '/v1/owners/:login/webhooks'] as const;
const TABLE = new Map<string, Row>([
  ...BASES.flatMap((base) =>
    Object.entries(OF_A_TENANT).map(([route, row]): [string, Row] => {
      const [method, below] = route.split(' ') as [string, string];
      return [`${method} ${base}${below}`, { ...row, reach: 'tenant' }];
    }),
  ),
  ...Object.entries(OTHERS),
]);

/** How far a token reaches: fields of POST /v1/tokens, and the paths they stand for. */
const TENANTS = {
  'no limit': { fields: {}, reaches: ['repos', 'owners'] },
  'its repository': { fields: { repository_ids: [1] }, reaches: ['repos'] },
  'another repository': { fields: { repository_ids: [2] }, reaches: [] },
  'its owner': { fields: { owner_logins: ['acme'] }, reaches: ['owners'] },
  'another owner': { fields: { owner_logins: ['other'] }, reaches: [] },
};
type Tenant = keyof typeof TENANTS;

const isRead = (method: string) => method === 'GET' || method === 'HEAD';

function expected(route: string, scope: string, tenant: Tenant): Seen {
  const row = TABLE.get(route.replace(/^HEAD /, 'GET '))!;
  const [method, path] = route.split(' ') as [string, string];
  if (row.reach === 'open') return row.allowed;
  if (scope !== row.scope && scope !== 'admin') return [403, 'insufficient_scope'];
  const isReached = TENANTS[tenant].reaches.some((kind) => path.startsWith(`/v1/${kind}/`));
  if (row.reach === 'any' || isReached) return row.allowed;
  return isRead(method) ? [404, 'not_found'] : [403, 'outside_limits'];
}

describe('who may call what', () => {
  let api: TestApi;
  const webhooks: Record<string, string> = {};
  beforeAll(async () => {
    // This test is a guesser, too.
    api = await startApi({ DITS_AUTH_FAILURES_PER_MINUTE: '0', DITS_ACTIVE_TIMEOUT_MS: '25000' });
    for (const path of ['/v1/repos/1/webhooks', '/v1/owners/acme/webhooks']) {
      const { json } = await api.call('POST', path, { body: { url: 'https://a.example/', events: ['*'] } });
      expect(json.id).toEqual(expect.any(String));
      webhooks[path.split('/')[2]!] = json.id;
    }
  }, 60_000);
  afterAll(() => api?.stop());

  async function aToken(fields: object): Promise<{ id: string; token: string }> {
    const { status, json } = await api.call('POST', '/v1/tokens', { body: { name: 'test', ...fields } });
    expect(status).toBe(201);
    return json;
  }

  /** A path of the route: that of what is there, or, with `isMadeUp`, of what nobody has. */
  function pathOf(route: string, isMadeUp = false): string {
    const path = route.split(' ')[1]!;
    return path
      .replace(':repo', isMadeUp ? '987654321' : '1')
      .replace(':login', isMadeUp ? 'nobody-at-all' : 'acme')
      .replace(':webhook', isMadeUp ? MISSING : (webhooks[path.split('/')[2]!] ?? ''))
      .replace(/:(missing|delivery|job|letter|token)/g, MISSING);
  }

  async function call(route: string, token: string | null, isMadeUp = false): Promise<TestAnswer> {
    const [method] = route.split(' ') as [string];
    const { body } = TABLE.get(route.replace(/^HEAD /, 'GET '))!;
    return api.call(method, pathOf(route, isMadeUp), { token, ...(body && { body }) });
  }

  const seen = ({ status, json }: TestAnswer): Seen =>
    status < 400 ? [status] : [status, json?.code as string];

  // The table has the missing ones under names of their own.
  const inApp = (route: string) => route.replaceAll(':missing', ':webhook');
  /** The routes of the running app, without the files of the page at /docs. */
  const appRoutes = () => api.routes.filter((route) => !/^\w+ \/docs\/|^\w+ \/docs-/.test(route));
  /** Every row, as GET and as HEAD. */
  const allRoutes = () =>
    [...TABLE.keys()].flatMap((route) =>
      route.startsWith('GET ') ? [route, route.replace('GET ', 'HEAD ')] : [route],
    );

  it('has a row for every route that there is, and no other', () => {
    expect([...new Set(appRoutes())].sort()).toEqual([...new Set(allRoutes().map(inApp))].sort());
    expect(api.routes.length).toBeGreaterThan(60);
  });

  it('serves the files of the page at /docs to anybody', async () => {
    const below = api.routes.filter(
      (route) => /^GET \/docs\/|^GET \/docs-/.test(route) && !/[*:]/.test(route),
    );
    for (const route of below) {
      const { status } = await api.call('GET', route.split(' ')[1]!, { token: null });
      expect([route, [200, 404].includes(status)]).toEqual([route, true]);
    }
  });

  const kinds = SCOPES.flatMap((scope) =>
    (Object.keys(TENANTS) as Tenant[])
      // Limits and admin do not go together.
      .filter((tenant) => scope !== 'admin' || tenant === 'no limit')
      .map((tenant) => [scope, tenant] as const),
  );

  it.each(kinds)(
    'lets a token with %s and %s do on every route what the table says',
    async (scope, tenant) => {
      const { token } = await aToken({ scopes: [scope], requests_per_second: 0, ...TENANTS[tenant].fields });
      for (const route of allRoutes()) {
        const answer = await call(route, token);
        const [status, code] = expected(route, scope, tenant);
        // The answer to a HEAD has no body.
        const wanted = route.startsWith('HEAD ') || code === undefined ? [status] : [status, code];
        expect([route, ...(route.startsWith('HEAD ') ? [answer.status] : seen(answer))]).toEqual([
          route,
          ...wanted,
        ]);
      }
    },
  );

  it.each(kinds)(
    'does not tell a token with %s and %s what exists beyond its limits',
    async (scope, tenant) => {
      const { token } = await aToken({ scopes: [scope], requests_per_second: 0, ...TENANTS[tenant].fields });
      for (const route of allRoutes()) {
        const [status, code] = expected(route, scope, tenant);
        if (code === undefined || !['not_found', 'outside_limits', 'insufficient_scope'].includes(code))
          continue;
        const [there, nowhere] = [await call(route, token), await call(route, token, true)];
        const masked = ({ text }: TestAnswer, isMadeUp: boolean) =>
          text.replace(pathOf(route, isMadeUp), 'PATH');
        expect([route, there.status, masked(there, false)]).toEqual([route, status, masked(nowhere, true)]);
        expect(Object.keys(there.headers)).toEqual(Object.keys(nowhere.headers));
      }
    },
  );

  it('refuses every route without a good token, and does not say what is wrong with one', async () => {
    const expired = await aToken({ scopes: ['admin'] });
    await api.database.query(`UPDATE tokens SET expires_at = now() - interval '1 s' WHERE id = $1`, [
      expired.id,
    ]);
    const revoked = await aToken({ scopes: ['admin'] });
    await api.call('DELETE', `/v1/tokens/${revoked.id}`);
    const mistyped = generateToken().slice(0, -1) + '!';
    const bad = [generateToken(), mistyped, 'x', randomUUID(), expired.token, revoked.token];
    for (const route of allRoutes().filter(
      (one) => TABLE.get(one.replace(/^HEAD /, 'GET '))!.reach !== 'open',
    )) {
      const none = await call(route, null);
      expect([route, none.status, none.headers['www-authenticate']]).toEqual([
        route,
        401,
        'Bearer realm="dits"',
      ]);
      const answers = await Promise.all(bad.map((token) => call(route, token)));
      for (const answer of answers) expect([route, answer.status]).toEqual([route, 401]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
  });

  it('keeps the id of another tenant’s webhook of no use within one’s own paths', async () => {
    const other = await api.call('POST', '/v1/repos/2/webhooks', {
      body: { url: 'https://a.example/', events: ['*'] },
    });
    const { token } = await aToken({ scopes: ['webhooks:read', 'webhooks:write'], repository_ids: [1] });
    for (const [route, { reach, scope, body }] of TABLE) {
      if (reach !== 'tenant' || scope === null || !/^\w+ \/v1\/repos\/:repo\/webhooks\/:/.test(route))
        continue;
      const own = (id: string) => pathOf(inApp(route)).replace(webhooks['repos']!, id);
      const [method] = route.split(' ') as [string];
      // A body that is right: what is refused is the webhook, not the field.
      const o = { token, ...(body && { body: method === 'PATCH' ? { active: true } : {} }) };
      const answers = [
        await api.call(method, own(other.json.id), o),
        await api.call(method, own(MISSING), o),
      ];
      expect([route, ...answers.map(seen)]).toEqual([
        route,
        [404, 'webhook_not_found'],
        [404, 'webhook_not_found'],
      ]);
    }
  });
});
