import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, until, type TestApi } from '../testing.js';

const HOOK = { url: 'https://a.example/', events: ['push'] };
const AT = '/v1/repos/1/webhooks';
// The lock that relays take in turn; who holds it keeps them all from Kafka.
const RELAY_LOCK = 0x6f757462;

describe('an answer about a webhook', () => {
  let api: TestApi;
  let snapshots: { key: string; value: any }[];
  beforeAll(async () => {
    api = await startApi({ DITS_ACTIVE_TIMEOUT_MS: '300' });
    ({ records: snapshots } = await api.follow(api.topics.webhooks));
  }, 60_000);
  afterAll(() => api?.stop());

  /** Runs `work` while no record leaves the outbox. */
  async function whileHeldUp(work: () => Promise<void>): Promise<void> {
    await api.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [RELAY_LOCK]);
      await work();
    });
  }

  it('comes only when the webhook is on its topic', async () => {
    let isAnswered = false;
    let answer: Promise<any>;
    await whileHeldUp(async () => {
      answer = api.call('POST', AT, { body: HOOK }).then((created) => {
        isAnswered = true;
        return created;
      });
      const stored = () => api.database.query<unknown[]>('SELECT 1 FROM outbox');
      while ((await stored()).length === 0) await new Promise(setImmediate);
      expect(isAnswered).toBe(false);
    });
    const { status, json } = await answer!;
    expect(status).toBe(201);
    await until(() => snapshots.find(({ key }) => key === json.id));
  });

  it('is a 503 that says so when that takes too long, and the repeated request gets its 201', async () => {
    const call = { body: HOOK, headers: { 'idempotency-key': randomUUID() } };
    let instance = '';
    await whileHeldUp(async () => {
      const late = await api.call('POST', AT, call);
      expect(late.status).toBe(503);
      expect(late.json).toMatchObject({
        code: 'stored_not_active',
        detail: expect.stringContaining('is stored'),
      });
      expect(late.headers['retry-after']).toBe('5');
      instance = late.json.instance;
      expect((await api.call('POST', AT, call)).status).toBe(503);
      for (const [method, body] of [
        ['PATCH', { active: false }],
        ['DELETE', undefined],
      ] as const) {
        expect((await api.call(method, instance, { body })).json.code).toBe('stored_not_active');
      }
    });
    const id = instance.split('/').at(-1)!;
    const { status, json } = await api.call('POST', AT, call);
    expect([status, json.id]).toEqual([201, id]);
    // Everything that was stored meanwhile arrives by itself, in order.
    await until(() => snapshots.find(({ key, value }) => key === id && value === null));
    expect(
      snapshots.filter(({ key }) => key === id).map(({ value }) => value?.record.version ?? null),
    ).toEqual([1, 2, null]);
  });

  it('loses nothing when the database drops every connection', async () => {
    const before = (await api.call('POST', AT, { body: HOOK })).json.id;
    await api.database.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    let answer = await api.call('POST', AT, { body: HOOK });
    while (answer.status === 503) answer = await api.call('POST', AT, { body: HOOK });
    expect(answer.status).toBe(201);
    await until(() => snapshots.find(({ key }) => key === answer.json.id));
    expect((await api.call('GET', `${AT}/${before}`)).status).toBe(200);
  });
});
