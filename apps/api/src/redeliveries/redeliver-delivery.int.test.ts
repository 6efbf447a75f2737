import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, until, type TestApi } from '../testing.js';
import { FAILED, RETRIED, TestHistory } from './test-history.fixture.js';

const HOUR_MS = 3_600_000;
const START = Date.now() - HOUR_MS;

describe('redelivering one delivery', () => {
  let api: TestApi;
  let history: TestHistory;
  let webhookId: string;
  let at: string;
  const on: Record<'deliveries' | 'redeliveries' | 'deliveryLog', { key: string; value: any }[]> = {
    deliveries: [],
    redeliveries: [],
    deliveryLog: [],
  };
  beforeAll(async () => {
    api = await startApi();
    history = new TestHistory(api);
    const hook = { url: 'https://a.example/', events: ['*'] };
    const { headers, json } = await api.call('POST', '/v1/repos/123/webhooks', { body: hook });
    webhookId = json.id;
    at = headers.location!;
    for (const topic of ['deliveries', 'redeliveries', 'deliveryLog'] as const) {
      on[topic] = (await api.follow(api.topics[topic])).records;
    }
  }, 60_000);
  afterAll(() => api?.stop());

  async function aDelivery(acceptedAtMs: number, fields?: object) {
    const { eventId, deliveryIds } = await history.event({ acceptedAtMs, webhookIds: [webhookId] });
    if (fields) await history.attempt({ eventId, webhookId, acceptedAtMs }, fields);
    return { id: deliveryIds[0]!, eventId };
  }
  const redeliver = (id: string, headers = {}) =>
    api.call('POST', `${at}/deliveries/${id}/redeliver`, { headers });
  const madeOf = (id: string) =>
    on.deliveries.filter(({ value }) => value.record.delivery_id === id).map(({ value }) => value.record);
  const replacedOf = (id: string) => on.redeliveries.filter(({ key }) => key === id);

  it.each<[string, object | undefined, { attempt: number; replaces: boolean }]>([
    ['Pending', undefined, { attempt: 1, replaces: true }],
    ['Delivered', { attempt: 2 }, { attempt: 3, replaces: false }],
    ['Retrying', { attempt: 4, ...RETRIED }, { attempt: 5, replaces: true }],
    ['Failed', FAILED, { attempt: 2, replaces: false }],
  ])('that is %s makes it pending at once, and has it attempted anew', async (status, fields, expected) => {
    const acceptedAtMs = START + 1_234;
    const { id, eventId } = await aDelivery(acceptedAtMs, fields);
    expect((await api.call('GET', `${at}/deliveries/${id}`)).json.status).toBe(status);

    const { status: code, headers, json } = await redeliver(id);
    expect([code, headers.location]).toEqual([202, `${at}/deliveries/${id}`]);
    expect(json).toMatchObject({ id, status: 'Pending', trigger: 'redelivery', failure_reason: null });
    const shown = await api.call('GET', `${at}/deliveries/${id}`);
    expect(shown.json).toMatchObject({ status: 'Pending', next_attempt_at: null, completed_at: null });

    await until(() => madeOf(id).length > 0);
    const redelivered_at_ms = Date.parse(json.redelivered_at);
    expect(madeOf(id)).toEqual([
      {
        delivery_id: id,
        event_id: eventId,
        webhook_id: webhookId,
        event: 'push',
        accepted_at_ms: acceptedAtMs,
        body: Buffer.from(`{"event":"push","event_id":"${eventId}"}`),
        attempt: expected.attempt,
        schedule_attempt: 1,
        deferrals: 0,
        not_before_ms: null,
        first_attempt_at_ms: null,
        trigger: 'redelivery',
        redelivered_at_ms,
      },
    ]);
    // On its topic before the delivery: a dispatcher that has the one knows the other. (Two readers here, so wait.)
    await until(() => !expected.replaces || replacedOf(id).length > 0);
    expect(replacedOf(id).map(({ value }) => value.record)).toEqual(
      expected.replaces ? [{ delivery_id: id, redelivered_at_ms }] : [],
    );
    await until(() => on.deliveryLog.some(({ key }) => key === eventId));
    expect(on.deliveryLog.find(({ key }) => key === eventId)!.value).toMatchObject({
      name: 'routed',
      record: { trigger: 'redelivery', routed_at_ms: redelivered_at_ms, deliveries: [{ delivery_id: id }] },
    });
  });

  it('asked twice at the same time makes two, of which the later replaces the earlier', async () => {
    const { id } = await aDelivery(START + 5_000, FAILED);
    const answers = await Promise.all([redeliver(id), redeliver(id)]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    // Two readers here, so wait for both.
    await until(() => madeOf(id).length === 2 && replacedOf(id).length > 0);
    const times = madeOf(id).map((record) => record.redelivered_at_ms);
    expect(times[1]).toBeGreaterThan(times[0]);
    expect(replacedOf(id).map(({ value }) => value.record.redelivered_at_ms)).toEqual([times[1]]);
  });

  it('repeated with its Idempotency-Key happens once', async () => {
    const { id } = await aDelivery(START + 6_000, FAILED);
    const key = { 'idempotency-key': randomUUID() };
    const first = await redeliver(id, key);
    const second = await redeliver(id, key);
    expect(second.json).toEqual(first.json);
    await until(() => madeOf(id).length > 0);
    const other = await aDelivery(START + 6_001, FAILED);
    await redeliver(other.id);
    await until(() => madeOf(other.id).length > 0);
    expect(madeOf(id)).toHaveLength(1);
  });

  it('whose body is no longer kept is 410 and says so', async () => {
    const { id, eventId } = await aDelivery(Date.now() - 10 * 24 * HOUR_MS, FAILED);
    const { status, json } = await redeliver(id);
    expect(status).toBe(410);
    expect(json).toMatchObject({ code: 'body_expired', detail: expect.stringContaining(eventId) });
    expect((await api.call('GET', `${at}/deliveries/${id}`)).json.status).toBe('Failed');
  });

  it('of a webhook that is switched off is 409, and leaves it as it is', async () => {
    const { headers, json } = await api.call('POST', '/v1/repos/123/webhooks', {
      body: { url: 'https://a.example/', events: ['*'], active: false },
    });
    const acceptedAtMs = START + 7_000;
    const { deliveryIds } = await history.event({ acceptedAtMs, webhookIds: [json.id] });
    const path = `${headers.location}/deliveries/${deliveryIds[0]}`;
    const answer = await api.call('POST', `${path}/redeliver`);
    expect([answer.status, answer.json.code]).toEqual([409, 'webhook_inactive']);
    expect((await api.call('GET', path)).json.trigger).toBe('event');
  });

  it.each([
    ['of another webhook', () => `/v1/repos/123/webhooks/${randomUUID()}`, 'webhook_not_found'],
    ['of another repository', () => at.replace('123', '124'), 'webhook_not_found'],
    ['that nobody has', () => at, 'delivery_not_found'],
  ])('%s is 404', async (_, path, code) => {
    const id = code === 'delivery_not_found' ? randomUUID() : (await aDelivery(START + 8_000)).id;
    const { status, json } = await api.call('POST', `${path()}/deliveries/${id}/redeliver`);
    expect([status, json.code]).toEqual([404, code]);
  });
});
