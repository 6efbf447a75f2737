import { DeadLetterStore, HistoryPartitions } from '@dits/persistence';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestHistory } from '../redeliveries/test-history.fixture.js';
import { ADMIN, startApi, until, type TestAnswer, type TestApi, type TestCall } from '../testing.js';
import { disableWebhook } from '../disabling/disable-webhook.js';
import { WEBHOOK_DEPS, type WebhookDeps } from '../webhooks/webhook-deps.js';

const SECRET = 'a-secret-that-nobody-may-see';
const HEADER = 'Bearer a-header-value-that-nobody-may-see';

describe('the audit trail', () => {
  let api: TestApi;
  let history: TestHistory;
  let nextRepositoryId = 9_000;
  let nextOffset = 0n;
  beforeAll(async () => {
    api = await startApi({ DITS_TRUSTED_PROXIES: '127.0.0.1', DITS_ACTIVE_TIMEOUT_MS: '25000' });
    await api.codec.register();
    history = new TestHistory(api);
  }, 60_000);
  afterAll(() => api?.stop());

  const bases = {
    '/v1/repos/:repo/webhooks': () => `/v1/repos/${nextRepositoryId++}/webhooks`,
    '/v1/owners/:login/webhooks': () => `/v1/owners/studio-${nextRepositoryId++}/webhooks`,
  };
  type Base = keyof typeof bases;

  async function aWebhook(base: Base = '/v1/repos/:repo/webhooks', fields = {}) {
    const body = { url: 'https://a.example/', events: ['*'], ed25519: true, ...fields };
    const { json, headers } = await api.call('POST', bases[base](), { body });
    return { id: json.id as string, path: headers.location!, json };
  }
  /** A webhook with a delivery that failed. */
  async function aFailure(base: Base) {
    const webhook = await aWebhook(base);
    const acceptedAtMs = Date.now() - 60_000;
    const { deliveryIds } = await history.event({ acceptedAtMs, webhookIds: [webhook.id] });
    return { ...webhook, delivery: deliveryIds[0]! };
  }
  async function aJob(base: Base, jobs: string) {
    const { path } = await aFailure(base);
    const { json } = await api.call('POST', `${path}/${jobs}`, { body: {} });
    // Another process holds it, so that it is running still when it is cancelled.
    await api.database.query(
      `UPDATE jobs SET state = 'running', finished_at = NULL, lease_id = gen_random_uuid(), lease_until = now() + interval '1 h'
       WHERE id = $1`,
      [json.id],
    );
    return `${path}/${jobs}/${json.id}`;
  }
  async function aDeadLetter(): Promise<string> {
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database: api.database, retention, now: Date.now });
    const origin = { topic: api.topics.events, partition: 0, offset: 1 };
    const place = { atMs: Date.now(), partition: 0, offset: nextOffset++, origin };
    const what = { stage: 'router', reason: 'not_avro', error: 'no', key: null, value: null, headers: {} };
    await new DeadLetterStore(api.database).add([{ ...place, ...what }], partitions);
    const { json } = await api.call('GET', '/v1/dead-letters?limit=1');
    return json.data[0].id;
  }
  const call = (method: string, path: string, body?: object, o: TestCall = {}) =>
    api.call(method, path, { ...(body && { body }), ...o });
  const trail = async (query = '') =>
    (await api.call('GET', `/v1/audit?limit=100&${query}`)).json.data as any[];
  /** What the trail says of a request that was answered. */
  const entriesOf = async ({ headers }: TestAnswer) =>
    (await trail()).filter(({ request_id }) => request_id === headers['x-request-id']);

  /** Each call that changes something: how it is made, and what the trail says of it. */
  type Row = [action: string, make: (base: Base) => Promise<TestAnswer>];
  const BELOW: Record<string, Row> = {
    'POST ': [
      'webhook.created',
      (base) => call('POST', bases[base](), { url: 'https://a.example/', events: ['*'] }),
    ],
    'PATCH /:webhook': [
      'webhook.changed',
      async (base) => call('PATCH', (await aWebhook(base)).path, { active: false }),
    ],
    'DELETE /:webhook': ['webhook.deleted', async (base) => call('DELETE', (await aWebhook(base)).path)],
    'POST /:webhook/ping': [
      'webhook.pinged',
      async (base) => call('POST', `${(await aWebhook(base)).path}/ping`),
    ],
    'POST /:webhook/secret/rotate': [
      'webhook.secret_rotated',
      async (base) => call('POST', `${(await aWebhook(base)).path}/secret/rotate`),
    ],
    'POST /:webhook/signing-key/rotate': [
      'webhook.signing_key_rotated',
      async (base) => call('POST', `${(await aWebhook(base)).path}/signing-key/rotate`),
    ],
    'POST /:webhook/deliveries/:delivery/redeliver': [
      'delivery.redelivered',
      async (base) => {
        const { path, delivery } = await aFailure(base);
        return call('POST', `${path}/deliveries/${delivery}/redeliver`);
      },
    ],
    'POST /:webhook/redeliveries': [
      'redelivery.created',
      async (base) => call('POST', `${(await aFailure(base)).path}/redeliveries`, {}),
    ],
    'DELETE /:webhook/redeliveries/:job': [
      'redelivery.cancelled',
      async (base) => call('DELETE', await aJob(base, 'redeliveries')),
    ],
    'POST /:webhook/replays': [
      'replay.created',
      async (base) => call('POST', `${(await aFailure(base)).path}/replays`, {}),
    ],
    'DELETE /:webhook/replays/:job': [
      'replay.cancelled',
      async (base) => call('DELETE', await aJob(base, 'replays')),
    ],
  };
  const OTHERS: Record<string, Row> = {
    'POST /v1/dead-letters/replay': [
      'dead_letters.replayed',
      async () => call('POST', '/v1/dead-letters/replay', { id: await aDeadLetter() }),
    ],
    'POST /v1/tokens': [
      'token.created',
      () => call('POST', '/v1/tokens', { name: 'x', scopes: ['webhooks:read'] }),
    ],
    'DELETE /v1/tokens/:token': [
      'token.revoked',
      async () => {
        const { json } = await call('POST', '/v1/tokens', { name: 'x', scopes: ['webhooks:read'] });
        return call('DELETE', `/v1/tokens/${json.id}`);
      },
    ],
  };
  const TABLE = new Map<string, { action: string; make: () => Promise<TestAnswer> }>([
    ...(Object.keys(bases) as Base[]).flatMap((base) =>
      Object.entries(BELOW).map(([route, [action, make]]): [string, any] => [
        route.replace(' ', ` ${base}`),
        { action, make: () => make(base) },
      ]),
    ),
    ...Object.entries(OTHERS).map(([route, [action, make]]): [string, any] => [
      route,
      { action, make: () => make('/v1/repos/:repo/webhooks') },
    ]),
  ]);

  it('knows every route that may change something, and no other', () => {
    const changing = api.routes.filter((route) => !/^(GET|HEAD|OPTIONS) /.test(route));
    expect([...new Set(changing)].sort()).toEqual([...TABLE.keys()].sort());
  });

  it.each([...TABLE.keys()])('tells of %s, once', async (route) => {
    const { action, make } = TABLE.get(route)!;
    const answer = await make();
    expect([200, 201, 202, 204]).toContain(answer.status);
    const entries = await entriesOf(answer);
    expect(entries).toEqual([expect.objectContaining({ action })]);
    const [{ target }] = entries;
    const isOfWebhook = route.includes('/webhooks');
    expect(target.webhook_id !== null).toBe(isOfWebhook);
    expect(target.repository_id !== null).toBe(route.includes('/repos/'));
    expect(target.owner_login !== null).toBe(route.includes('/owners/'));
  });

  it('tells who it was, from where, and what is different', async () => {
    const made = await api.call('POST', '/v1/tokens', { body: { name: 'Ada', scopes: ['webhooks:write'] } });
    const { path, id } = await aWebhook(undefined, { active: true });
    const answer = await call(
      'PATCH',
      path,
      { active: false, events: ['push'] },
      {
        token: made.json.token,
        headers: { 'x-forwarded-for': '198.51.100.9', 'x-request-id': 'request-of-ada' },
      },
    );
    expect(await entriesOf(answer)).toEqual([
      {
        id: expect.any(String),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        action: 'webhook.changed',
        actor: { kind: 'token', id: made.json.id, name: 'Ada', issuer: null },
        address: '198.51.100.9',
        request_id: 'request-of-ada',
        target: {
          kind: 'webhook',
          id,
          webhook_id: id,
          repository_id: answer.json.repository_id,
          owner_login: null,
        },
        changes: [
          { field: 'events', from: ['*'], to: ['push'] },
          { field: 'active', from: true, to: false },
        ],
      },
    ]);
  });

  it('keeps what a deleted webhook was, and finds it by its id', async () => {
    const { path, id } = await aWebhook();
    await call('DELETE', path);
    const [deleted, created] = await trail(`webhook=${id.toUpperCase()}`);
    expect([deleted.action, created.action]).toEqual(['webhook.deleted', 'webhook.created']);
    expect(deleted.changes).toContainEqual({ field: 'url', from: 'https://a.example/' });
    expect(created.changes).toContainEqual({ field: 'url', to: 'https://a.example/' });
  });

  it('says of secrets, header values and tokens that they changed, and not more', async () => {
    const { path, id } = await aWebhook(undefined, { secret: SECRET, headers: { Authorization: HEADER } });
    await call('PATCH', path, { secret: `${SECRET}-2` });
    await call('PATCH', path, { headers: { Authorization: `${HEADER}-2` } });
    await call('POST', `${path}/secret/rotate`, { secret: `${SECRET}-3` });
    const changed = (await trail(`webhook=${id}`)).map(({ changes }) => changes);
    expect(changed.slice(0, 3)).toEqual([
      [{ field: 'previous_secret_expires_at', from: null, to: expect.any(String) }, { field: 'secret' }],
      [{ field: 'headers' }],
      [{ field: 'secret' }],
    ]);
    expect(changed[3]).toContainEqual({ field: 'headers', to: { Authorization: '***' } });
    expect(changed[3]).toContainEqual({ field: 'secret' });
    const rows = await api.database.query('SELECT e::text AS text FROM audit_entries AS e');
    const everything = JSON.stringify([rows, await trail()]);
    for (const text of [SECRET, HEADER, ADMIN, 'v1.k1.', 'whsk_']) expect(everything).not.toContain(text);
  });

  it('says nothing of what was refused, only counted, or changed nothing', async () => {
    const { path } = await aWebhook();
    const job = await aJob('/v1/repos/:repo/webhooks', 'redeliveries');
    await call('DELETE', job);
    const nothing = [
      await call('PATCH', path, {}),
      await call('PATCH', path, { url: 7 }),
      await call('DELETE', path, undefined, { token: 'dits_of_nobody' }),
      await call('POST', `${path}/redeliveries`, { dry_run: true }),
      await call('POST', `${path}/deliveries/019aba1c-0000-8c6f-9f0e-000000000000/redeliver`),
      await call('DELETE', job),
      await call('POST', '/v1/dead-letters/replay', { reason: 'no_such_reason' }),
      await call('DELETE', '/v1/tokens/019aba1c-0000-7c6f-9f0e-000000000000'),
    ];
    expect(nothing.map(({ status }) => status)).toEqual([200, 422, 401, 200, 404, 200, 202, 404]);
    for (const answer of nothing) expect(await entriesOf(answer)).toEqual([]);
  });

  it('tells of a request that is repeated under its Idempotency-Key once', async () => {
    const { path, id } = await aWebhook();
    const headers = { 'idempotency-key': 'once' };
    for (const _ of [1, 2]) await call('POST', `${path}/ping`, undefined, { headers });
    expect((await trail(`webhook=${id}&action=webhook.pinged`)).length).toBe(1);
  });

  it('tells what the service does by itself', async () => {
    const { id } = await aWebhook();
    const deps = api.app.get<WebhookDeps>(WEBHOOK_DEPS);
    await disableWebhook(deps, {
      id,
      reason: 'gone',
      evidenceAt: new Date(Date.now() + 1_000),
      failingSince: null,
    });
    const [entry] = await until(async () => {
      const found = await trail(`webhook=${id}&actor=system`);
      return found.length > 0 && found;
    });
    expect(entry).toMatchObject({
      action: 'webhook.disabled',
      actor: { kind: 'system', id: 'system', name: null },
      address: null,
      request_id: null,
      changes: [
        { field: 'active', from: true, to: false },
        { field: 'disabled_reason', from: null, to: 'gone' },
      ],
    });
    const made = await trail('actor=system&action=token.created');
    expect(made.map(({ changes }) => changes[0])).toEqual([{ field: 'name', to: 'bootstrap' }]);
  });

  it('is read by each filter, newest first, in pages', async () => {
    const owner = `studio-${nextRepositoryId++}`;
    const ids: string[] = [];
    for (const _ of [1, 2, 3]) {
      const body = { url: 'https://a.example/', events: ['*'] };
      ids.unshift((await call('POST', `/v1/owners/${owner}/webhooks`, body)).json.id);
    }
    const targets = (entries: any[]) => entries.map(({ target }) => target.id);
    expect(targets(await trail(`owner=${owner.toUpperCase()}`))).toEqual(ids);
    const first = await api.call('GET', `/v1/audit?owner=${owner}&limit=2`);
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.link!)![1]!;
    const second = await api.call('GET', next);
    expect(targets([...first.json.data, ...second.json.data])).toEqual(ids);
    expect(second.headers.link).toBeUndefined();

    const since = encodeURIComponent(first.json.data[1].at);
    expect(targets(await trail(`owner=${owner}&since=${since}`))).toEqual(ids.slice(0, 2));
    expect(targets(await trail(`owner=${owner}&until=${since}`))).toEqual(ids.slice(2));
    const { json } = await aWebhook();
    expect(targets(await trail(`repository=${json.repository_id}`))).toEqual([json.id]);
    const admin = first.json.data[0].actor.id;
    expect(targets(await trail(`actor=${admin}&owner=${owner}`))).toEqual(ids);
    expect(await trail(`actor=somebody-else&owner=${owner}`)).toEqual([]);
    for (const bad of ['action=none', 'webhook=x', 'repository=-1', 'since=x', 'cursor=x', 'foo=1'])
      expect([bad, (await api.call('GET', `/v1/audit?${bad}`)).status]).toEqual([bad, 422]);
  });

  it('changes nothing when the entry can not be stored', async () => {
    const { path, json } = await aWebhook();
    await api.database.query('ALTER TABLE audit_entries RENAME TO audit_entries_away');
    try {
      const answers = [
        await call('PATCH', path, { active: false }),
        await call('DELETE', path),
        await call('POST', `/v1/tokens`, { name: 'never', scopes: ['webhooks:read'] }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    } finally {
      await api.database.query('ALTER TABLE audit_entries_away RENAME TO audit_entries');
    }
    expect((await call('GET', path)).json).toMatchObject({ active: true, version: json.version });
    expect((await call('GET', '/v1/tokens?limit=100')).json.data).not.toContainEqual(
      expect.objectContaining({ name: 'never' }),
    );
  });
});
