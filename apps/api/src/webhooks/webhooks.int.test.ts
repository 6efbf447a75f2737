import { SecretBox } from '@dits/signing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, until, type TestApi } from '../testing.js';

const SEED = {
  url: 'https://your-app.com/webhook',
  events: ['push', 'repo.created'],
  secret: 'your_webhook_secret',
  active: true,
};

describe('webhooks over HTTP', () => {
  let api: TestApi;
  let snapshots: { key: string; value: any }[];
  beforeAll(async () => {
    api = await startApi();
    ({ records: snapshots } = await api.follow(api.topics.webhooks));
  }, 60_000);
  afterAll(() => api?.stop());

  const create = (body: object = SEED, at = '/v1/repos/123/webhooks') => api.call('POST', at, { body });
  const secretsOf = (id: string, secrets: { sealed: string }[]): string[] =>
    secrets.map(({ sealed }) => new SecretBox(api.runtime.config.secretKeys).open(sealed, id));
  const lastSnapshot = (id: string, version: number) =>
    until(() => snapshots.find(({ key, value }) => key === id && value?.record.version === version)).then(
      ({ value }) => value.record,
    );

  it('creates the webhook of the documentation page', async () => {
    const { status, headers, json } = await create();
    expect({ status, json }).toEqual({
      status: 201,
      json: {
        id: expect.stringMatching(/^[0-9a-f-]{14}7/),
        repository_id: 123,
        owner_login: null,
        ...SEED,
        disabled_reason: null,
        deactivated_at: null,
        headers: {},
        ed25519: false,
        public_keys: [],
        retry_statuses: [],
        max_concurrency: null,
        rate_limit_per_second: null,
        send_traceparent: false,
        previous_secret_expires_at: null,
        version: 1,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updated_at: json.created_at,
      },
    });
    expect(headers.location).toBe(`/v1/repos/123/webhooks/${json.id}`);
    const { secret: _, ...shown } = json;
    expect((await api.call('GET', headers.location!)).json).toEqual(shown);
  });

  it('says whether it has asked for traceparent, and tells the dispatchers', async () => {
    const { json, headers } = await create({ ...SEED, send_traceparent: true });
    expect(json.send_traceparent).toBe(true);
    expect(await lastSnapshot(json.id, 1)).toMatchObject({ send_traceparent: true });
    const changed = await api.call('PATCH', headers.location!, { body: { send_traceparent: false } });
    expect(changed.json.send_traceparent).toBe(false);
    expect((await lastSnapshot(json.id, 2)).send_traceparent).not.toBe(true);
  });

  it('shows a generated secret once, and hands it on sealed for this webhook', async () => {
    const { json } = await create({ ...SEED, secret: undefined, retry_statuses: [429], max_concurrency: 2 });
    expect(json.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const snapshot = await lastSnapshot(json.id, 1);
    expect(snapshot).toMatchObject({
      webhook_id: json.id,
      repository_id: 123,
      owner_login: null,
      url: SEED.url,
      events: SEED.events,
      active: true,
      retry_statuses: [429],
      max_concurrency: 2,
      rate_limit_per_second: null,
      created_at_ms: Date.parse(json.created_at),
    });
    expect(secretsOf(json.id, snapshot.secrets)).toEqual([json.secret]);
    for (const line of api.logged()) expect(JSON.stringify(line)).not.toContain(json.secret);
  });

  it.each([0, 2 ** 31, 2 ** 52, 2 ** 53 - 1])('keeps repository id %d exact', async (id) => {
    const { json } = await create(SEED, `/v1/repos/${id}/webhooks`);
    expect(json.repository_id).toBe(id);
    expect((await lastSnapshot(json.id, 1)).repository_id).toBe(id);
  });

  it('keeps webhooks of owners apart, by login in lower case', async () => {
    const { headers, json } = await create(
      SEED,
      '/v1/owners/Acme%20Studios'.replace('%20', '-') + '/webhooks',
    );
    expect(json).toMatchObject({ repository_id: null, owner_login: 'acme-studios' });
    expect(headers.location).toBe(`/v1/owners/acme-studios/webhooks/${json.id}`);
    expect((await api.call('GET', `/v1/owners/ACME-studios/webhooks/${json.id}`)).status).toBe(200);
    expect((await api.call('GET', `/v1/repos/123/webhooks/${json.id}`)).status).toBe(404);
    expect((await api.call('GET', `/v1/owners/other/webhooks/${json.id}`)).status).toBe(404);
    expect((await lastSnapshot(json.id, 1)).owner_login).toBe('acme-studios');
  });

  it('changes what is given and leaves the rest', async () => {
    const { headers, json } = await create({ ...SEED, rate_limit_per_second: 5 });
    const { status, json: changed } = await api.call('PATCH', headers.location!, {
      body: { active: false, events: ['*'], rate_limit_per_second: null },
    });
    const { secret: _, ...before } = json;
    expect({ status, changed }).toEqual({
      status: 200,
      changed: {
        ...before,
        active: false,
        events: ['*'],
        rate_limit_per_second: null,
        version: 2,
        deactivated_at: changed.updated_at,
        updated_at: changed.updated_at,
      },
    });
    const snapshot = await lastSnapshot(json.id, 2);
    expect(snapshot).toMatchObject({ active: false, events: ['*'] });
    expect(secretsOf(json.id, snapshot.secrets)).toEqual(['your_webhook_secret']);
    expect((await api.call('PATCH', headers.location!, { body: {} })).json).toEqual(changed);
  });

  it('shows names of headers and never a value, and hands them on sealed for this webhook', async () => {
    const headers = { Authorization: 'Bearer planted-header-value', 'X-Env': 'planted-header-value-2' };
    const { headers: answered, json, text } = await create({ ...SEED, headers });
    expect(json.headers).toEqual({ Authorization: '***', 'X-Env': '***' });
    const snapshot = await lastSnapshot(json.id, 1);
    const opened = snapshot.headers.map((header: { name: string; sealed: string }) => [
      header.name,
      ...secretsOf(json.id, [header]),
    ]);
    expect(Object.fromEntries(opened)).toEqual(headers);
    const seen = [text, JSON.stringify(snapshot)];

    const read = await api.call('GET', answered.location!);
    expect(read.json.headers).toEqual(json.headers);
    const renamed = await api.call('PATCH', answered.location!, { body: { active: false } });
    expect(renamed.json.headers).toEqual(json.headers);
    const changed = await api.call('PATCH', answered.location!, {
      body: { headers: { 'X-Env': 'planted-header-value-3' } },
    });
    expect(changed.json.headers).toEqual({ 'X-Env': '***' });
    const none = await api.call('PATCH', answered.location!, { body: { headers: {} } });
    expect(none.json.headers).toEqual({});
    expect((await lastSnapshot(json.id, 4)).headers).toBeNull();

    const rows = await api.database.query('SELECT * FROM webhooks');
    seen.push(read.text, renamed.text, changed.text, none.text, JSON.stringify(rows));
    for (const line of [...seen, ...api.logged().map((logged) => JSON.stringify(logged))])
      expect(line).not.toContain('planted-header-value');
  });

  it('refuses a url that leads inside at create and at update, and names the rule', async () => {
    const { headers } = await create();
    for (const answer of [
      await create({ ...SEED, url: 'http://169.254.169.254/latest/meta-data/' }),
      await api.call('PATCH', headers.location!, { body: { url: 'http://0xa9fea9fe/' } }),
    ]) {
      expect(answer).toMatchObject({
        status: 422,
        json: {
          code: 'invalid_fields',
          errors: [
            { path: 'url', message: 'must not lead to the metadata service of a cloud (rule metadata)' },
          ],
        },
      });
    }
  });

  it('lets the old secret sign for the overlap after a rotation, and only the last two', async () => {
    const { headers, json } = await create();
    const rotate = (body?: object) => api.call('POST', `${headers.location}/secret/rotate`, { body });
    const before = Date.now();
    const first = await rotate();
    expect(first.status).toBe(200);
    expect(first.json.secret).toMatch(/^whsec_/);
    expect(Date.parse(first.json.previous_secret_expires_at) - before).toBeGreaterThanOrEqual(86_400_000);
    expect(secretsOf(json.id, (await lastSnapshot(json.id, 2)).secrets)).toEqual([
      first.json.secret,
      SEED.secret,
    ]);
    const second = await rotate({ secret: 'another-secret', overlap_seconds: 60 });
    const { secrets } = await lastSnapshot(json.id, 3);
    expect(secretsOf(json.id, secrets)).toEqual(['another-secret', first.json.secret]);
    expect(secrets[1].expires_at_ms).toBe(Date.parse(second.json.previous_secret_expires_at));
    const third = await rotate({ overlap_seconds: 0 });
    expect(third.json.previous_secret_expires_at).toBeNull();
    expect(secretsOf(json.id, (await lastSnapshot(json.id, 4)).secrets)).toEqual([third.json.secret]);
  });

  it('takes a deleted webhook off the topic', async () => {
    const { headers, json } = await create();
    expect((await api.call('DELETE', headers.location!)).status).toBe(204);
    await until(() => snapshots.find(({ key, value }) => key === json.id && value === null));
    expect((await api.call('GET', headers.location!)).status).toBe(404);
    expect((await api.call('DELETE', headers.location!)).status).toBe(404);
    expect((await api.call('PATCH', headers.location!, { body: {} })).status).toBe(404);
  });

  it('puts many changes of one webhook on the topic in the order of their versions', async () => {
    const { headers, json } = await create();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        api.call('PATCH', headers.location!, { body: { active: i % 2 === 0 } }),
      ),
    );
    await lastSnapshot(json.id, 21);
    const versions = snapshots.filter(({ key }) => key === json.id).map(({ value }) => value.record.version);
    expect(versions).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  });

  it('pages through many webhooks by link, each once, oldest first', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 25; i++) ids.push((await create(SEED, '/v1/repos/777/webhooks')).json.id);
    const seen: string[] = [];
    let url: string | undefined = '/v1/repos/777/webhooks?limit=7';
    while (url) {
      const { json, headers } = await api.call('GET', url);
      seen.push(...json.data.map(({ id }: { id: string }) => id));
      expect(json.data.length).toBeLessThanOrEqual(7);
      url = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? '')?.[1];
      expect(json.next_cursor === null).toBe(url === undefined);
    }
    expect(seen).toEqual(ids.toSorted());
    expect((await api.call('GET', '/v1/repos/778/webhooks')).json).toEqual({ data: [], next_cursor: null });
  });

  it('asks for a test delivery and says which one', async () => {
    const deliveries = await api.follow(api.topics.deliveries);
    const entries = await api.follow(api.topics.deliveryLog);
    const { headers, json: webhook } = await create();
    const ping = await api.call('POST', `${headers.location}/ping`);
    expect(ping.status).toBe(202);
    expect(ping.headers.location).toBe(`${headers.location}/deliveries/${ping.json.delivery_id}`);
    const { delivery_id, event_id } = ping.json;
    const { key, value } = await until(() => deliveries.records[0]);
    expect(key).toBe(webhook.id);
    expect(value).toMatchObject({
      name: 'delivery',
      record: {
        delivery_id,
        event_id,
        webhook_id: webhook.id,
        event: 'ping',
        attempt: 1,
        schedule_attempt: 1,
        trigger: 'ping',
      },
    });
    const body = value.record.body.toString();
    expect(JSON.parse(body)).toEqual({
      event: 'ping',
      repository: { id: 123 },
      webhook_id: webhook.id,
      event_id,
      occurred_at: expect.any(String),
    });
    expect(JSON.stringify(JSON.parse(body))).toBe(body);
    const routed = await until(() => entries.records[0]);
    expect(routed.key).toBe(event_id);
    expect(routed.value).toMatchObject({
      name: 'routed',
      record: {
        event_id,
        event: 'ping',
        accepted_at_ms: value.record.accepted_at_ms,
        repository_id: 123,
        trigger: 'ping',
        deliveries: [{ delivery_id, webhook_id: webhook.id }],
      },
    });
    expect(routed.value.record.body).toEqual(value.record.body);
    expect((await api.call('POST', '/v1/repos/9/webhooks/' + webhook.id + '/ping')).status).toBe(404);
  });
});
