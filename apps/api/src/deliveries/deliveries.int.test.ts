import { randomUUID } from 'node:crypto';
import type { Attempted } from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import { HistoryPartitions, HistoryProjection, type LogEntry } from '@dits/persistence';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, type TestApi } from '../testing.js';

const BODY = '{"event":"push","repository":{"id":123},"text":"ä\\n"}';
const START = Date.now() - 3_600_000;

describe('deliveries over HTTP', () => {
  let api: TestApi;
  let at: string;
  let webhookId: string;
  let projection: HistoryProjection;
  beforeAll(async () => {
    api = await startApi();
    const hook = { url: 'https://a.example/', events: ['*'] };
    const { headers, json } = await api.call('POST', '/v1/repos/123/webhooks', { body: hook });
    at = `${headers.location}/deliveries`;
    webhookId = json.id;
    const partitions = new HistoryPartitions({
      database: api.database,
      retention: { historyDays: 30, bodyDays: 7 },
      now: Date.now,
    });
    projection = new HistoryProjection({ database: api.database, partitions });
  }, 60_000);
  afterAll(() => api?.stop());

  /** Records a delivery the way the recorder does; `minute` is when its event was accepted. */
  async function record(minute: number, attempts: Partial<Attempted>[], event = 'push'): Promise<string> {
    const accepted_at_ms = START + minute * 60_000;
    const event_id = randomUUID();
    const delivery_id = deliveryId({ acceptedAtMs: accepted_at_ms, eventId: event_id, webhookId });
    const which = { event_id, event, accepted_at_ms };
    const log: LogEntry[] = [
      {
        name: 'routed',
        record: {
          ...which,
          routed_at_ms: accepted_at_ms + 5,
          repository_id: 123,
          repository_full_name: 'acme/film',
          trigger: 'event',
          body: Buffer.from(BODY),
          deliveries: [{ delivery_id, webhook_id: webhookId }],
        },
      },
      ...attempts.map((fields, i): LogEntry => ({
        name: 'attempted',
        record: {
          ...which,
          delivery_id,
          webhook_id: webhookId,
          attempt: i + 1,
          schedule_attempt: i + 1,
          trigger: 'event',
          started_at_ms: accepted_at_ms + 10 + i * 1_000,
          duration_ms: 12.5,
          outcome: 'delivered',
          status_code: 200,
          error_class: null,
          error_phase: null,
          error_message: null,
          phases_ms: { dns: 0.5, headers: 11 },
          remote_address: '127.0.0.1:443',
          url: 'https://a.example/',
          request_headers: { 'x-dits-attempt': String(i + 1) },
          response_headers: { 'content-type': 'text/plain' },
          response_body: Buffer.from('OK'),
          response_truncated: false,
          next_step: 'done',
          next_attempt_at_ms: null,
          failure_reason: null,
          ...fields,
        },
      })),
    ];
    expect(await projection.apply(log, (entry) => entry)).toEqual({ refused: [], outOfRange: [] });
    return delivery_id;
  }

  const REFUSED = {
    outcome: 'retryable',
    status_code: null,
    response_body: null,
    response_headers: {},
    remote_address: null,
    error_class: 'refused',
    error_phase: 'connect',
    error_message: 'connect ECONNREFUSED',
    next_step: 'retry',
  } satisfies Partial<Attempted>;
  const get = (path: string) => api.call('GET', path);

  it('shows the exact body and every attempt', async () => {
    const id = await record(1, [
      { ...REFUSED, next_attempt_at_ms: START + 90_000 },
      { response_body: Buffer.from([0xff, 0x00]) },
    ]);
    const { status, json } = await get(`${at}/${id}`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id,
      webhook_id: webhookId,
      event: 'push',
      repository_id: 123,
      status: 'Delivered',
      response_status: 200,
      error_class: null,
      next_attempt_at: null,
      trigger: 'event',
      accepted_at: new Date(START + 60_000).toISOString(),
      request: { headers: { 'x-dits-attempt': '2' }, body: BODY },
      attempts: [
        {
          attempt: 1,
          outcome: 'retryable',
          response: null,
          error: { class: 'refused', phase: 'connect', message: 'connect ECONNREFUSED' },
          next_attempt_at: new Date(START + 90_000).toISOString(),
        },
        {
          attempt: 2,
          outcome: 'delivered',
          duration_ms: 12.5,
          phases_ms: { dns: 0.5, headers: 11 },
          remote_address: '127.0.0.1:443',
          request: { url: 'https://a.example/', headers: { 'x-dits-attempt': '2' } },
          response: { status: 200, body: '/wA=', body_encoding: 'base64', truncated: false },
          error: null,
        },
      ],
    });
  });

  it('shows text that was cut within a character as text', async () => {
    const cut = Buffer.from('grün 😀').subarray(0, -2);
    const id = await record(2, [{ response_body: cut, response_truncated: true }]);
    const { json } = await get(`${at}/${id}`);
    expect(json.attempts[0].response).toMatchObject({
      body: 'grün ',
      body_encoding: 'utf-8',
      truncated: true,
    });
  });

  it('does not show a delivery below another webhook', async () => {
    const id = await record(3, []);
    const { headers } = await api.call('POST', '/v1/repos/123/webhooks', {
      body: { url: 'https://b.example/', events: ['push'] },
    });
    expect((await get(`${headers.location}/deliveries/${id}`)).status).toBe(404);
    for (const other of ['x', randomUUID(), '%00', `${id}x`]) {
      const { status, json } = await get(`${at}/${other}`);
      expect([status, json.code]).toEqual([404, 'delivery_not_found']);
    }
  });

  it.each([
    ['status=Retrying', ['retrying']],
    ['status=pending', ['pending']],
    ['status=Failed&response=4xx', ['failed']],
    ['response=none', ['retrying']],
    ['response=2xx&event=push.tag', ['tagged']],
    ['event=push.tag', ['tagged']],
    ['since=SINCE&until=UNTIL', ['pending', 'failed']],
    ['until=SINCE&event=repo.created', []],
  ])('filters by %s', async (query, names) => {
    filtered ??= {
      pending: await record(30, []),
      failed: await record(31, [
        { outcome: 'rejected', status_code: 404, next_step: 'failed', failure_reason: 'status_404' },
      ]),
      retrying: await record(32, [{ ...REFUSED, next_attempt_at_ms: START + 33 * 60_000 }]),
      tagged: await record(33, [{}], 'push.tag'),
    };
    const time = (minute: number): string =>
      encodeURIComponent(new Date(START + minute * 60_000).toISOString());
    const url = `${at}?${query.replace('SINCE', time(30)).replace('UNTIL', time(32))}`;
    const { status, json } = await get(url);
    expect(status).toBe(200);
    const found = json.data.map(
      ({ id }: { id: string }) => Object.entries(filtered!).find(([, one]) => one === id)?.[0],
    );
    // Other tests record too; here it is about these four.
    expect(found.filter((name?: string) => name !== undefined).toSorted()).toEqual(names.toSorted());
  });
  let filtered: Record<string, string> | undefined;

  it('pages through many deliveries, newest first, each once, keeping the filter', async () => {
    const made: string[] = [];
    for (let i = 0; i < 23; i++) made.push(await record(40 + i / 10, [{}], 'lock.acquired'));
    const seen: string[] = [];
    let url: string | undefined = `${at}?event=lock.acquired&limit=5`;
    while (url) {
      const { json, headers } = await get(url);
      seen.push(...json.data.map(({ id }: { id: string }) => id));
      url = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? '')?.[1];
    }
    expect(seen).toEqual(made.toReversed());
  });
});
