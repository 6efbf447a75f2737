import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, until, type TestApi } from '../testing.js';
import { FAILED, RETRIED, TestHistory } from './test-history.fixture.js';

const HOUR_MS = 3_600_000;
const START = Date.now() - HOUR_MS;

describe('redelivering many', () => {
  let api: TestApi;
  let history: TestHistory;
  let made: { key: string; value: any }[];
  beforeAll(async () => {
    api = await startApi({ DITS_REPLAY_CONFIRM_ABOVE: '20' });
    history = new TestHistory(api);
    made = (await api.follow(api.topics.deliveries)).records;
  }, 60_000);
  afterAll(() => api?.stop());

  /** A webhook with as many deliveries as `fields`, in the order of their acceptance. */
  async function aWebhookWith(
    fields: (object | undefined)[],
    acceptedAtMs = (i: number) => START + i * 1_000,
  ) {
    const hook = { url: 'https://a.example/', events: ['*'] };
    const { headers, json } = await api.call('POST', '/v1/repos/123/webhooks', { body: hook });
    const webhookId = json.id as string;
    const ids: string[] = [];
    for (const [i, result] of fields.entries()) {
      const at = acceptedAtMs(i);
      const { eventId, deliveryIds } = await history.event({ acceptedAtMs: at, webhookIds: [webhookId] });
      if (result) await history.attempt({ eventId, webhookId, acceptedAtMs: at }, result);
      ids.push(deliveryIds[0]!);
    }
    const path = headers.location!;
    return {
      ids,
      path,
      post: (body: object) => api.call('POST', `${path}/redeliveries`, { body }),
      madeIds: () => made.filter(({ key }) => key === webhookId).map(({ value }) => value.record.delivery_id),
    };
  }
  async function untilEnded(location: string): Promise<any> {
    for (;;) {
      const { json } = await api.call('GET', location);
      if (json.state !== 'running') return json;
      await pause(20);
    }
  }

  it('asks for what the filter matches, oldest first, each once, and leaves the rest', async () => {
    const { ids, post, madeIds } = await aWebhookWith([FAILED, {}, FAILED, RETRIED, FAILED]);
    const { status, headers, json } = await post({ status: 'failed', rate_per_second: 1000 });
    expect(status).toBe(202);
    expect(json).toMatchObject({
      state: 'running',
      matched: 3,
      redelivered: 0,
      filter: { status: 'failed' },
    });
    expect(await untilEnded(headers.location!)).toMatchObject({
      state: 'done',
      matched: 3,
      redelivered: 3,
      expired: 0,
      finished_at: expect.any(String),
    });
    await until(() => madeIds().length === 3);
    expect(madeIds()).toEqual([ids[0], ids[2], ids[4]]);
  });

  it('takes the filters of the list', async () => {
    const { ids, path, post, madeIds } = await aWebhookWith([FAILED, RETRIED, {}, FAILED]);
    const since = new Date(START + 1_000).toISOString();
    const until_ = new Date(START + 3_000).toISOString();
    const body = { response: '5xx', event: 'push', since, until: until_ };
    expect((await post({ ...body, dry_run: true })).json).toEqual({ dry_run: true, matched: 1 });
    const { headers } = await post(body);
    await untilEnded(headers.location!);
    await until(() => madeIds().length > 0);
    expect(madeIds()).toEqual([ids[1]]);
    const jobs = await api.call('GET', `${path}/redeliveries?limit=1`);
    expect(jobs.json).toMatchObject({ data: [{ state: 'done', redelivered: 1 }], next_cursor: null });
  });

  it('only counts in a dry run', async () => {
    const { post, path, madeIds } = await aWebhookWith([FAILED, FAILED]);
    const { status, json } = await post({ dry_run: true });
    expect([status, json]).toEqual([200, { dry_run: true, matched: 2 }]);
    expect((await api.call('GET', `${path}/redeliveries`)).json.data).toEqual([]);
    expect(madeIds()).toEqual([]);
  });

  it('counts apart what has no body any more', async () => {
    const { post, ids, madeIds } = await aWebhookWith([FAILED, FAILED], (i) =>
      i === 0 ? Date.now() - 10 * 24 * HOUR_MS : START,
    );
    const { headers } = await post({ status: 'Failed' });
    expect(await untilEnded(headers.location!)).toMatchObject({ matched: 2, redelivered: 1, expired: 1 });
    await until(() => madeIds().length > 0);
    expect(madeIds()).toEqual([ids[1]]);
  });

  it('keeps to its rate, and to nothing more once it is cancelled', async () => {
    const { post, madeIds } = await aWebhookWith([FAILED, FAILED, FAILED, FAILED, FAILED]);
    const startedAt = performance.now();
    const { headers } = await post({ rate_per_second: 2 });
    await until(() => madeIds().length === 2);
    expect(performance.now() - startedAt).toBeGreaterThan(450);
    const cancelled = await api.call('DELETE', headers.location!);
    expect([cancelled.status, cancelled.json.state]).toEqual([200, 'cancelled']);
    const { redelivered } = cancelled.json;
    expect(redelivered).toBeLessThan(5);
    const again = await api.call('DELETE', headers.location!);
    expect([again.status, again.json]).toEqual([200, cancelled.json]);
    await until(() => madeIds().length === redelivered);
  });

  it('of more than may go without a question asks for confirm', async () => {
    const { post } = await aWebhookWith(Array.from({ length: 21 }, () => FAILED));
    const { status, json } = await post({});
    expect(status).toBe(422);
    expect(json.errors).toEqual([{ path: 'confirm', message: 'must be true: 21 match, more than 20' }]);
    expect((await post({ dry_run: true })).json.matched).toBe(21);
    const { headers } = await post({ confirm: true, rate_per_second: 1000 });
    expect(await untilEnded(headers.location!)).toMatchObject({ state: 'done', redelivered: 21 });
  });

  it('ends by itself when the webhook is switched off meanwhile', async () => {
    const { path, post } = await aWebhookWith([FAILED, FAILED, FAILED]);
    const { headers } = await post({ rate_per_second: 1 });
    await api.call('PATCH', path, { body: { active: false } });
    expect(await untilEnded(headers.location!)).toMatchObject({
      state: 'cancelled',
      cancelled_because: 'webhook_inactive',
    });
    const refused = await post({});
    expect([refused.status, refused.json.code]).toEqual([409, 'webhook_inactive']);
    expect((await post({ dry_run: true })).status).toBe(200);
  });

  it.each<[object, string]>([
    [{ stat: 'failed' }, 'stat: is not a field here'],
    [{ status: 'lost' }, 'status: must be one of Pending, Delivered, Retrying, Failed, Cancelled'],
    [{ response: '6xx' }, 'response: must be one of 1xx, 2xx, 3xx, 4xx, 5xx, none'],
    [{ rate_per_second: 0 }, 'rate_per_second: must be an integer from 1 to 1000'],
    [{ since: 'yesterday' }, 'since: must be an RFC 3339 time such as 2026-11-25T09:12:14Z'],
    [{ since: '2026-11-25T09:00:00Z', until: '2026-11-25T08:00:00Z' }, 'until: must be later than since'],
    [{ dry_run: 'yes' }, 'dry_run: must be true or false'],
  ])('refuses %j and names the field', async (body, detail) => {
    const { post, path } = await aWebhookWith([]);
    const { status, json } = await post(body);
    expect([status, json.detail]).toEqual([422, detail]);
    const list = await api.call('GET', `${path}/redeliveries?cursor=nonsense`);
    expect([list.status, list.json.errors[0].path]).toEqual([422, 'cursor']);
  });

  it('shows no job of another webhook', async () => {
    const one = await aWebhookWith([FAILED]);
    const other = await aWebhookWith([]);
    const { headers } = await one.post({});
    const id = headers.location!.split('/').at(-1);
    for (const path of [`${other.path}/redeliveries/${id}`, `${one.path}/replays/${id}`]) {
      expect((await api.call('GET', path)).json.code).toBe('job_not_found');
    }
    expect((await api.call('GET', `${one.path}/redeliveries/${randomUUID()}`)).status).toBe(404);
  });
});
