import { noTracing } from '@dits/runtime';
import { describe, expect, it } from '@jest/globals';
import type { PoisonRecordError } from '@dits/contracts';
import {
  avroType,
  NOT_BEFORE_HEADER,
  WEBHOOKS_MARK_HEADER,
  frame,
  KafkaFault,
  recordSchema,
  topicNames,
  unframe,
  type Delivery,
  type RecordName,
  type RecordsByName,
  type WebhookSnapshot,
} from '@dits/contracts';
import { parseTiers, type SendFailureKind, type SendResponse, type SendResult } from '@dits/domain';
import { EgressProxyFault, type SendRequest } from '@dits/http-delivery';
import { replayHeaders, type DecodedRecord, type IncomingRecord, type OutgoingRecord } from '@dits/kafka';
import { verifyHubSignature } from '@dits/signing';
import { aDelivery, aWebhook } from '@dits/testkit';
import { attemptDelivery, type AttemptDeps } from './attempt-delivery.js';
import { RecentRecords } from './recent-records.js';
import { aGate } from './testing/a-gate.js';

const NOW_MS = Date.parse('2026-11-25T09:12:14.500Z');
const topics = topicNames();
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const oneAtATime = () => ({ maxConcurrency: 1, ratePerSecond: null });

const RECORD_NAMES: RecordName[] = [
  'delivery',
  'attempted',
  'deferred',
  'cancelled',
  'dead-lettered',
  'webhook',
];
/** Real Avro, with the place in a list for the schema's id. */
const codec = {
  encode<N extends RecordName>(name: N, record: RecordsByName[N]): Buffer {
    return frame(RECORD_NAMES.indexOf(name), avroType(recordSchema(name)).toBuffer(record));
  },
  decodeNow(value: Buffer | null): DecodedRecord {
    const { schemaId, avro } = unframe(value);
    const name = RECORD_NAMES[schemaId]!;
    return { name, record: avroType(recordSchema(name)).fromBuffer(avro) };
  },
  decode: async (value: Buffer | null) => codec.decodeNow(value),
};

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function aRecord(value: Buffer | null): IncomingRecord {
  return {
    topic: topics.deliveries,
    partition: 3,
    offset: 42n,
    key: Buffer.from('w'),
    value,
    headers: { traceparent: Buffer.from('00-a-b-01') },
    timestampMs: NOW_MS,
    lookback: false,
  };
}

const recordOf = (delivery: Delivery) => aRecord(codec.encode('delivery', delivery));

function answer(status: number, change: Partial<SendResponse> = {}): SendResponse {
  return {
    kind: 'response',
    status,
    headers: { 'x-answer': 'yes' },
    body: Buffer.from('thanks'),
    truncated: false,
    durationMs: 12.5,
    phasesMs: { headers: 10, body: 2.5 },
    remoteAddress: '192.0.2.7:443',
    ...change,
  };
}

function failure(kind: SendFailureKind): SendResult {
  return {
    kind,
    phase: 'connect',
    message: 'no',
    durationMs: 1,
    phasesMs: { connect: 1 },
    remoteAddress: null,
  };
}

function forbidden(): SendResult {
  const measures = { durationMs: 0, phasesMs: {}, remoteAddress: null };
  return { kind: 'forbidden_destination', rule: 'loopback', phase: 'dns', message: 'no', ...measures };
}

/** The stage with plain fakes: what was sent, what was produced, what was poison. */
function aStage(o: {
  webhook?: WebhookSnapshot | null;
  results?: SendResult[];
  deps?: Partial<AttemptDeps>;
}) {
  const sent: SendRequest[] = [];
  const produced: OutgoingRecord[][] = [];
  const poison: string[] = [];
  const results = [...(o.results ?? [answer(200)])];
  const known = new Map<string, WebhookSnapshot>();
  if (o.webhook) known.set(o.webhook.webhook_id, o.webhook);
  const deps: AttemptDeps = {
    codec,
    webhooks: { find: (id) => known.get(id), catchUp: async () => {}, catchUpTo: async () => {} },
    redeliveries: { newestOf: () => undefined, catchUp: async () => {} },
    secretsOf: () => ['a secret'],
    headersOf: () => ({}),
    gate: aGate({ maxInFlight: 10 }),
    recent: new RecentRecords(),
    async send(request) {
      sent.push(request);
      return results.shift()!;
    },
    async sendAll(records) {
      produced.push(records);
    },
    poison: { put: async (_, error) => void poison.push(error.reason) },
    topics,
    tiers: parseTiers('15s,1m'),
    timeoutMs: 10_000,
    userAgent: 'Dits-Webhooks/0.0.0',
    metrics: { attempted() {}, deferred() {}, cancelled() {}, replaced() {}, repeated() {}, failed() {} },
    log: quiet,
    tracing: noTracing,
    now: () => NOW_MS,
    random: () => 0.5,
    ...o.deps,
  };
  const attempt = (record: IncomingRecord, signal = new AbortController().signal) =>
    attemptDelivery(record, deps, signal);
  return { attempt, sent, produced, poison, known };
}

/** What was produced, decoded: topic and record. */
function decoded(records: OutgoingRecord[] | undefined) {
  return (records ?? []).map(({ topic, value }) => ({ topic, ...codec.decodeNow(value) }));
}

describe('attemptDelivery', () => {
  const webhook = aWebhook({ url: 'https://receiver.example/hook' });
  const delivery = aDelivery({ webhook_id: webhook.webhook_id });

  it.each([
    ['does not send the trace of an event', null, undefined],
    ['sends it to a webhook that asks for it', true, TRACEPARENT],
  ])('%s', async (_, send_traceparent, traceparent) => {
    const { attempt, sent, produced } = aStage({ webhook: { ...webhook, send_traceparent } });
    const headers = { traceparent: Buffer.from(TRACEPARENT), tracestate: Buffer.from('vendor=7') };
    await attempt({ ...recordOf(delivery), headers });
    expect(sent[0]!.headers['traceparent']).toBe(traceparent);
    expect(sent[0]!.headers).not.toHaveProperty('tracestate');
    // What follows goes on in it in any case.
    expect(produced[0]![0]!.headers).toEqual({ traceparent: TRACEPARENT, tracestate: 'vendor=7' });
  });

  it('posts the bytes of the delivery, signed, to the url of the webhook', async () => {
    const { attempt, sent } = aStage({ webhook });
    await attempt(recordOf(delivery));
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ url: webhook.url, body: delivery.body, timeoutMs: 10_000 });
    const signature = sent[0]!.headers['X-Hub-Signature-256'];
    expect(verifyHubSignature({ secret: 'a secret', body: delivery.body, signature })).toEqual({ ok: true });
  });

  it('records a delivered attempt with all that is known of it, and nothing else follows', async () => {
    const { attempt, sent, produced } = aStage({ webhook });
    await attempt(recordOf(delivery));
    expect(produced).toHaveLength(1);
    expect(decoded(produced[0])).toEqual([
      {
        topic: topics.deliveryLog,
        name: 'attempted',
        record: {
          delivery_id: delivery.delivery_id,
          event_id: delivery.event_id,
          webhook_id: webhook.webhook_id,
          event: 'push',
          accepted_at_ms: delivery.accepted_at_ms,
          attempt: 1,
          redelivered_at_ms: null,
          schedule_attempt: 1,
          trigger: 'event',
          started_at_ms: NOW_MS,
          duration_ms: 12.5,
          outcome: 'delivered',
          status_code: 200,
          error_class: null,
          error_phase: null,
          error_message: null,
          phases_ms: { headers: 10, body: 2.5 },
          remote_address: '192.0.2.7:443',
          url: webhook.url,
          request_headers: sent[0]!.headers,
          response_headers: { 'x-answer': 'yes' },
          response_body: Buffer.from('thanks'),
          response_truncated: false,
          next_step: 'done',
          next_attempt_at_ms: null,
          failure_reason: null,
        },
      },
    ]);
    expect(produced[0]![0]!.key).toBe(delivery.delivery_id);
  });

  it('keeps the offset when the log entry cannot be produced, and does not post a second time for it', async () => {
    let fault: Error | undefined = new KafkaFault('not produced');
    const produced: OutgoingRecord[][] = [];
    const { attempt, sent } = aStage({
      webhook,
      deps: {
        async sendAll(records) {
          if (fault) throw fault;
          produced.push(records);
        },
      },
    });
    const record = recordOf(delivery);
    await expect(attempt(record)).rejects.toBe(fault);
    await expect(attempt(record)).rejects.toBe(fault);
    fault = undefined;
    await attempt(record);
    expect(sent).toHaveLength(1);
    expect(decoded(produced[0])).toMatchObject([{ name: 'attempted', record: { outcome: 'delivered' } }]);
  });

  it('keeps the offset when the webhook cannot be looked up', async () => {
    const fault = new KafkaFault('no end offsets');
    const refuse = () => Promise.reject(fault);
    const webhooks = { find: () => undefined, catchUp: refuse, catchUpTo: refuse };
    const { attempt, sent, produced } = aStage({ deps: { webhooks } });
    await expect(attempt(recordOf(delivery))).rejects.toBe(fault);
    expect([sent, produced]).toEqual([[], []]);
  });

  it('keeps the offset when a secret cannot be opened, and sends nothing unsigned', async () => {
    const secretsOf = () => {
      throw new Error('no key');
    };
    const { attempt, sent } = aStage({ webhook, deps: { secretsOf } });
    await expect(attempt(recordOf(delivery))).rejects.toThrow('no key');
    expect(sent).toEqual([]);
  });

  it('retries a 5xx of the first attempt at once, when the first entry is durable, as attempt 2', async () => {
    const order: string[] = [];
    const produced: OutgoingRecord[][] = [];
    const { attempt, sent } = aStage({
      webhook,
      deps: {
        async send(request) {
          order.push(`post ${request.headers['X-Dits-Attempt']}`);
          sent.push(request);
          return answer(sent.length === 1 ? 503 : 204);
        },
        async sendAll(records) {
          produced.push(records);
          order.push('durable');
        },
      },
    });
    await attempt(recordOf(delivery));
    expect(order).toEqual(['post 1', 'durable', 'post 2', 'durable']);
    expect(decoded(produced.flat())).toMatchObject([
      { record: { attempt: 1, status_code: 503, next_step: 'immediate_retry', next_attempt_at_ms: NOW_MS } },
      { record: { attempt: 2, schedule_attempt: 2, status_code: 204, next_step: 'done' } },
    ]);
  });

  it('puts the delivery on its tier, in one call with the log entry, when a retryable attempt ends', async () => {
    const { attempt, produced } = aStage({ webhook, results: [failure('refused')] });
    await attempt(recordOf(delivery));
    expect(produced).toHaveLength(1);
    const [entry, retry] = produced[0]!;
    const notBeforeMs = NOW_MS + 15_000 + 750;
    expect(decoded([entry!])).toMatchObject([
      {
        topic: topics.deliveryLog,
        record: {
          outcome: 'retryable',
          error_class: 'refused',
          error_phase: 'connect',
          error_message: 'no',
          status_code: null,
          response_body: null,
          next_step: 'retry',
          next_attempt_at_ms: notBeforeMs,
        },
      },
    ]);
    expect(retry).toMatchObject({
      topic: topics.retry('15s'),
      key: webhook.webhook_id,
      headers: { 'dits-not-before': String(notBeforeMs) },
    });
    expect(codec.decodeNow(retry!.value).record).toEqual({
      ...delivery,
      attempt: 2,
      schedule_attempt: 3,
      not_before_ms: notBeforeMs,
      first_attempt_at_ms: NOW_MS,
    });
  });

  it('keeps the time of the first attempt through the schedule', async () => {
    const later = { ...delivery, attempt: 3, schedule_attempt: 3, first_attempt_at_ms: NOW_MS - 60_000 };
    const { attempt, produced } = aStage({ webhook, results: [failure('timeout')] });
    await attempt(recordOf(later));
    expect(decoded(produced[0])[1]).toMatchObject({
      topic: topics.retry('1m'),
      record: { attempt: 4, schedule_attempt: 4, first_attempt_at_ms: NOW_MS - 60_000 },
    });
  });

  it.each([
    ['rejects', answer(404), delivery, 'http_404', 'the receiver answered 404'],
    [
      'fails the last time',
      failure('timeout'),
      { ...delivery, attempt: 4, schedule_attempt: 4 },
      'schedule_ended',
      'no',
    ],
  ])(
    'puts the record itself on the dead letters when a receiver %s',
    async (_, result, made, reason, error) => {
      const { attempt, produced } = aStage({ webhook, results: [result] });
      const record = recordOf(made);
      await attempt(record);
      expect(produced).toHaveLength(1);
      const [attempted, deadLettered, letter] = produced[0]!;
      expect(decoded([attempted!, deadLettered!])).toMatchObject([
        {
          topic: topics.deliveryLog,
          name: 'attempted',
          record: { next_step: 'failed', failure_reason: reason },
        },
        {
          topic: topics.deliveryLog,
          name: 'dead-lettered',
          record: { attempt: made.attempt, reason, dead_lettered_at_ms: NOW_MS },
        },
      ]);
      expect(letter).toMatchObject({ topic: topics.deadLetters, key: record.key, value: record.value });
      const headers = Object.fromEntries(Object.entries(letter!.headers!).map(([k, v]) => [k, v.toString()]));
      expect(headers).toMatchObject({
        traceparent: '00-a-b-01',
        'dits-dead-letter-reason': reason,
        'dits-dead-letter-error': error,
        'dits-dead-letter-stage': 'dispatcher',
      });
    },
  );

  it('retries a 4xx that the webhook opted into', async () => {
    const patient = { ...webhook, retry_statuses: [429] };
    const { attempt, produced } = aStage({ webhook: patient, results: [answer(429)] });
    await attempt(recordOf(delivery));
    expect(decoded(produced[0])[1]).toMatchObject({ topic: topics.retry('15s') });
  });

  it.each([
    ['webhook_inactive', { ...webhook, active: false }],
    ['webhook_deleted', null],
  ])('cancels without a request: %s', async (reason, current) => {
    const { attempt, sent, produced } = aStage({ webhook: current });
    await attempt(recordOf(delivery));
    expect(sent).toEqual([]);
    expect(decoded(produced[0])).toEqual([
      {
        topic: topics.deliveryLog,
        name: 'cancelled',
        record: {
          delivery_id: delivery.delivery_id,
          event_id: delivery.event_id,
          webhook_id: delivery.webhook_id,
          event: 'push',
          accepted_at_ms: delivery.accepted_at_ms,
          attempt: 1,
          redelivered_at_ms: null,
          cancelled_at_ms: NOW_MS,
          reason,
        },
      },
    ]);
  });

  describe('a delivery that was asked for again at 9:00', () => {
    const asked = Date.parse('2026-11-25T09:00:00Z');
    const waiting = { ...delivery, attempt: 3, schedule_attempt: 4, first_attempt_at_ms: asked - 1 };
    const redeliveries = (catchUp = async () => {}) => ({ newestOf: () => asked, catchUp });

    it.each([
      ['the retry that waited', waiting],
      ['the first attempt, when it has not been made', delivery],
      ['what an earlier redelivery brought', { ...waiting, redelivered_at_ms: asked - 1 }],
    ])('has %s dropped without a word', async (_, replaced) => {
      const { attempt, sent, produced } = aStage({ webhook, deps: { redeliveries: redeliveries() } });
      await attempt(recordOf(replaced));
      expect([sent, produced]).toEqual([[], []]);
    });

    it('is attempted, and what follows from that says what it belongs to', async () => {
      const again = { ...delivery, attempt: 3, trigger: 'redelivery' as const, redelivered_at_ms: asked };
      const { attempt, produced } = aStage({
        webhook,
        results: [failure('refused')],
        deps: { redeliveries: redeliveries() },
      });
      await attempt(recordOf(again));
      expect(decoded(produced[0])).toMatchObject([
        { record: { attempt: 3, schedule_attempt: 1, trigger: 'redelivery', redelivered_at_ms: asked } },
        { record: { attempt: 4, schedule_attempt: 3, redelivered_at_ms: asked } },
      ]);
    });

    it('gets no immediate retry of an attempt that was on its way', async () => {
      let known: number | undefined;
      const { attempt, sent } = aStage({
        webhook,
        results: [answer(500)],
        deps: { redeliveries: { newestOf: () => known, catchUp: async () => void (known = asked) } },
      });
      await attempt(recordOf(delivery));
      expect(sent).toHaveLength(1);
    });

    it('keeps the offset of a retry when nobody can say whether it was asked for again', async () => {
      const fault = new KafkaFault('no end offsets');
      const { attempt, sent } = aStage({
        webhook,
        deps: { redeliveries: redeliveries(() => Promise.reject(fault)) },
      });
      await expect(attempt(recordOf(waiting))).rejects.toBe(fault);
      expect(sent).toEqual([]);
    });
  });

  it.each<[string, number | null, number | null, string]>([
    ['ends what was retried when it was switched off', NOW_MS - 2, NOW_MS - 1, 'cancelled'],
    ['goes on with what came after it was switched on again', NOW_MS - 1, NOW_MS - 2, 'attempted'],
    ['attempts what was never attempted', null, NOW_MS - 1, 'attempted'],
    ['that was never switched off goes on', NOW_MS - 2, null, 'attempted'],
  ])('a webhook %s', async (_, first_attempt_at_ms, deactivated_at_ms, entry) => {
    const { attempt, produced } = aStage({ webhook: { ...webhook, deactivated_at_ms } });
    await attempt(recordOf({ ...delivery, first_attempt_at_ms }));
    expect(decoded(produced[0]).map(({ name }) => name)).toEqual([entry]);
  });

  it('ends a delivery to a forbidden destination at once, with a reason that names the rule', async () => {
    const refused: SendResult = {
      kind: 'forbidden_destination',
      rule: 'private',
      phase: 'dns',
      message: 'the url must not lead to a private address (rule private)',
      durationMs: 1,
      phasesMs: { dns: 1 },
      remoteAddress: null,
    };
    const { attempt, produced } = aStage({ webhook, results: [refused] });
    await attempt(recordOf(delivery));
    const [attempted, deadLettered, letter] = produced[0]!;
    const reason = 'forbidden_destination_private';
    expect(decoded([attempted!, deadLettered!])).toMatchObject([
      {
        record: {
          outcome: 'rejected',
          error_class: 'forbidden_destination',
          error_message: refused.message,
          remote_address: null,
          next_step: 'failed',
          failure_reason: reason,
        },
      },
      { name: 'dead-lettered', record: { reason } },
    ]);
    expect(letter).toMatchObject({ topic: topics.deadLetters });
  });

  it('counts no attempt when a fault of ours has kept it from leaving', async () => {
    const fault = new EgressProxyFault('the egress proxy answers 502 to CONNECT');
    let faults = 2;
    const { attempt, produced } = aStage({
      webhook,
      deps: { send: () => (faults-- > 0 ? Promise.reject(fault) : Promise.resolve(answer(200))) },
    });
    const record = recordOf(delivery);
    await expect(attempt(record)).rejects.toBe(fault);
    await expect(attempt(record)).rejects.toBe(fault);
    expect(produced).toEqual([]);
    await attempt(record);
    expect(decoded(produced[0])).toMatchObject([{ record: { attempt: 1, outcome: 'delivered' } }]);
  });

  it('sends the headers of the webhook’s owner, and keeps their values out of what it writes', async () => {
    const token = 'planted-token-of-the-receiver';
    const own = { Authorization: `Bearer ${token}`, Accept: 'application/json' };
    const echo = answer(200, {
      headers: { 'content-type': 'application/json', 'x-got': `Bearer ${token}` },
      body: Buffer.from(`{"authorization":"Bearer ${token}","token":"${token}","ü":"ÿ"}`),
    });
    const { attempt, sent, produced } = aStage({ webhook, results: [echo], deps: { headersOf: () => own } });
    await attempt(recordOf(delivery));
    expect(sent[0]!.headers).toMatchObject(own);
    expect(decoded(produced[0])[0]!.record).toMatchObject({
      request_headers: { ...sent[0]!.headers, Authorization: '***', Accept: '***' },
      response_headers: { 'content-type': 'application/json', 'x-got': '***' },
      response_body: Buffer.from('{"authorization":"***","token":"***","ü":"ÿ"}'),
    });
    for (const { value } of produced.flat()) expect(value!.includes(token)).toBe(false);
  });

  describe('knows a webhook that was registered a moment ago', () => {
    const marked = { [WEBHOOKS_MARK_HEADER]: Buffer.from('0:7') };
    const fresh = { ...recordOf(delivery), headers: marked };
    it.each([
      ['as the router had read it', fresh, 'up to 0:7'],
      ['by asking, when the router did not say', recordOf(delivery), 'all'],
      [
        'by asking now and then, when it has waited since it was routed',
        { ...fresh, timestampMs: NOW_MS - 2_000 },
        'until 50 ms ago',
      ],
      [
        'by asking, when it was put off',
        { ...recordOf({ ...delivery, deferrals: 1 }), headers: marked },
        'all',
      ],
      [
        'by asking, when it is a dead letter that was put back',
        { ...fresh, headers: replayHeaders(marked, { letterId: 'a-letter', number: 1 }) },
        'all',
      ],
    ])('%s', async (_, record, asked) => {
      const known = new Map<string, WebhookSnapshot>();
      const asks: string[] = [];
      const learn = async (what: string) => {
        asks.push(what);
        known.set(webhook.webhook_id, webhook);
      };
      const webhooks = {
        find: (id: string) => known.get(id),
        catchUp: (maxAgeMs: number) => learn(maxAgeMs === 0 ? 'all' : `until ${maxAgeMs} ms ago`),
        catchUpTo: (mark: string) => learn(`up to ${mark}`),
      };
      const { attempt, sent } = aStage({ deps: { webhooks } });
      await attempt(record);
      expect(sent).toHaveLength(1);
      expect(asks).toEqual([asked]);
    });

    it('by asking, when the router knew it before it said how far it had read', async () => {
      const known = new Map<string, WebhookSnapshot>();
      const webhooks = {
        find: (id: string) => known.get(id),
        catchUp: async () => void known.set(webhook.webhook_id, webhook),
        catchUpTo: async () => {},
      };
      const { attempt, sent } = aStage({ deps: { webhooks } });
      await attempt(fresh);
      expect(sent).toHaveLength(1);
    });
  });

  describe('a copy of a record that is done', () => {
    it('is passed over, whatever came of the first', async () => {
      const { attempt, sent, produced } = aStage({ webhook, results: [answer(404), answer(200)] });
      await attempt(recordOf(delivery));
      await attempt(recordOf(delivery));
      expect([sent.length, produced.length]).toEqual([1, 1]);
    });

    it.each([
      ['its next attempt', { attempt: 2 }, {}],
      ['a redelivery', { redelivered_at_ms: NOW_MS }, {}],
      ['a dead letter that was put back', {}, replayHeaders({}, { letterId: 'a-letter', number: 1 })],
    ])('is not %s', async (_, change, headers) => {
      const { attempt, sent } = aStage({ webhook, results: [answer(404), answer(200)] });
      await attempt(recordOf(delivery));
      await attempt({ ...recordOf({ ...delivery, ...change }), headers });
      expect(sent).toHaveLength(2);
    });

    it('is passed over when it was put off meanwhile', async () => {
      const { attempt, sent } = aStage({ webhook, results: [answer(404), answer(200)] });
      await attempt(recordOf(delivery));
      await attempt(recordOf({ ...delivery, deferrals: 1 }));
      expect(sent).toHaveLength(1);
    });

    it('is passed over when it was put off meanwhile, also when the immediate retry of the first was put off', async () => {
      const gate = aGate({ now: () => NOW_MS });
      const enter = gate.enter.bind(gate);
      const deferral = { reason: 'rate_limited', expectedWaitMs: 20_000 } as const;
      gate.enter = (o) => (o.isRetry ? Promise.resolve({ kind: 'deferred', deferral }) : enter(o));
      const fresh = { ...delivery, accepted_at_ms: NOW_MS };
      const { attempt, sent, produced } = aStage({
        webhook,
        results: [answer(500), answer(200)],
        deps: { gate },
      });
      await attempt(recordOf(fresh));
      expect(decoded(produced[1])).toMatchObject([{ name: 'deferred', record: { attempt: 2 } }, {}]);
      await attempt(recordOf({ ...fresh, deferrals: 1 }));
      expect(sent).toHaveLength(1);
    });

    it('is attempted when the first was not written down', async () => {
      let fault: Error | undefined = new KafkaFault('not produced');
      const sendAll = async () => {
        if (fault) throw fault;
      };
      const { attempt, sent } = aStage({ webhook, results: [answer(200), answer(200)], deps: { sendAll } });
      await expect(attempt(recordOf(delivery))).rejects.toBe(fault);
      fault = undefined;
      await attempt(recordOf(delivery));
      expect(sent).toHaveLength(2);
    });
  });

  it('stays the replay of a dead letter that it is through all of its attempts', async () => {
    const replay = replayHeaders({}, { letterId: 'a-letter', number: 1 });
    const { attempt, produced } = aStage({ webhook, results: [answer(503), answer(503)] });
    await attempt({ ...recordOf({ ...delivery, accepted_at_ms: NOW_MS }), headers: replay });
    expect(decoded(produced.at(-1))).toMatchObject([{ name: 'attempted' }, { name: 'delivery' }]);
    expect(produced.at(-1)![1]!.headers).toMatchObject(replay);
  });

  describe('when the circuit of its webhook is open', () => {
    const anOpenGate = async () => {
      const gate = aGate({ failuresToOpen: 1, now: () => NOW_MS });
      const { attempt } = aStage({ webhook, results: [failure('refused')], deps: { gate } });
      await attempt(recordOf(delivery));
      return gate;
    };

    it('stays the replay of a dead letter that it is, and is no copy of the attempt before', async () => {
      const gate = await anOpenGate();
      const recent = new RecentRecords();
      const letter = {
        ...recordOf(delivery),
        headers: replayHeaders({}, { letterId: 'a-letter', number: 1 }),
      };
      const first = aStage({ webhook, results: [answer(404)], deps: { recent } });
      await first.attempt(recordOf(delivery));
      const second = aStage({ webhook, deps: { recent, gate } });
      await second.attempt({
        ...letter,
        value: codec.encode('delivery', { ...delivery, accepted_at_ms: NOW_MS }),
      });
      const { value, headers } = second.produced[0]![1]!;
      const comesBack = {
        ...recordOf(delivery),
        value: value as Buffer,
        headers: headers as IncomingRecord['headers'],
      };
      const third = aStage({ webhook, deps: { recent } });
      await third.attempt(comesBack);
      expect([first, second, third].map(({ sent }) => sent.length)).toEqual([1, 0, 1]);
    });

    it('is put off without using up an attempt', async () => {
      const { attempt, sent, produced } = aStage({ webhook, deps: { gate: await anOpenGate() } });
      await attempt(recordOf({ ...delivery, accepted_at_ms: NOW_MS }));
      expect(sent).toEqual([]);
      const due = { not_before_ms: NOW_MS + 15_750 };
      expect(decoded(produced[0])).toMatchObject([
        {
          topic: topics.deliveryLog,
          name: 'deferred',
          record: { attempt: 1, deferrals: 1, reason: 'circuit_open', ...due },
        },
        {
          topic: topics.retry('15s'),
          name: 'delivery',
          record: { attempt: 1, schedule_attempt: 1, deferrals: 1, ...due },
        },
      ]);
      expect(produced[0]![1]!.headers).toEqual({ [NOT_BEFORE_HEADER]: String(due.not_before_ms) });
    });

    it('fails when it has been put off for as long as retries go on', async () => {
      const { attempt, sent, produced } = aStage({ webhook, deps: { gate: await anOpenGate() } });
      await attempt(recordOf({ ...delivery, accepted_at_ms: NOW_MS - 23 * 3_600_000, deferrals: 80 }));
      expect(sent).toEqual([]);
      expect(produced[0]!.map(({ topic }) => topic)).toEqual([topics.deliveryLog, topics.deadLetters]);
      expect(codec.decodeNow(produced[0]![0]!.value)).toMatchObject({
        name: 'dead-lettered',
        record: { reason: 'put_off_too_long' },
      });
    });

    it('is cancelled all the same when the webhook is off', async () => {
      const off = { ...webhook, active: false };
      const { attempt, produced } = aStage({ webhook: off, deps: { gate: await anOpenGate() } });
      await attempt(recordOf(delivery));
      expect(decoded(produced[0])).toMatchObject([{ name: 'cancelled' }]);
    });

    it('gets no immediate retry', async () => {
      const gate = aGate({ failuresToOpen: 1, now: () => NOW_MS });
      const { attempt, sent, produced } = aStage({ webhook, results: [answer(500)], deps: { gate } });
      await attempt(recordOf(delivery));
      expect(sent).toHaveLength(1);
      expect(decoded(produced[0])).toMatchObject([{ record: { next_step: 'retry' } }, { name: 'delivery' }]);
    });
  });

  it.each([
    ['a receiver that rejects is well', answer(404), false],
    ['a receiver that fails is not', answer(503), true],
    ['a forbidden destination says nothing about it', forbidden(), false],
  ])('%s', async (_, result, isOpen) => {
    const gate = aGate({ failuresToOpen: 1, now: () => NOW_MS });
    const { attempt } = aStage({ webhook, results: [result], deps: { gate } });
    await attempt(recordOf(delivery));
    expect(gate.isOpen(webhook.webhook_id)).toBe(isOpen);
  });

  it('uses the webhook as it is when the attempt begins, not as it was when the delivery began to wait', async () => {
    const gate = aGate({ maxInFlight: 1 });
    const { signal } = new AbortController();
    const another = await gate.enter({ webhookId: 'another', limits: oneAtATime, isRetry: false, signal });
    const { attempt, sent, known } = aStage({ webhook, deps: { gate } });
    const attempting = attempt(recordOf(delivery));
    await until(() => gate.waiting === 1);
    known.set(webhook.webhook_id, { ...webhook, url: 'https://moved.example/', version: 2 });
    if (another.kind === 'entered') gate.leave(another.pass, 'success');
    await attempting;
    expect(sent[0]!.url).toBe('https://moved.example/');
  });

  it('makes an immediate retry before the deliveries that wait for a place', async () => {
    const one = { ...webhook, max_concurrency: 1 };
    const { attempt, sent } = aStage({ webhook: one, results: [answer(503), ...Array(4).fill(answer(200))] });
    const ids = ['a', 'b', 'c', 'd'];
    await Promise.all(ids.map((delivery_id) => attempt(recordOf({ ...delivery, delivery_id }))));
    // The second has the place that the first one gives back.
    expect(sent.map(({ headers }) => headers['X-Dits-Delivery'])).toEqual(['a', 'b', 'a', 'c', 'd']);
  });

  it('attempts again on a fresh connection when the kept one was closed: each on record, and neither the receiver’s fault', async () => {
    const gate = aGate({ failuresToOpen: 1, now: () => NOW_MS });
    const stale = { ...failure('reset'), staleConnection: true };
    const { attempt, sent, produced } = aStage({ webhook, results: [stale, answer(200)], deps: { gate } });
    await attempt(recordOf(delivery));
    expect(
      sent.map(({ headers, onFreshConnection }) => [headers['X-Dits-Attempt'], onFreshConnection]),
    ).toEqual([
      ['1', false],
      ['2', true],
    ]);
    expect(produced.flatMap(decoded).map(({ record }) => record)).toMatchObject([
      { attempt: 1, schedule_attempt: 1, error_class: 'reset', next_step: 'immediate_retry' },
      { attempt: 2, schedule_attempt: 1, status_code: 200, next_step: 'done' },
    ]);
    expect(gate.isOpen(webhook.webhook_id)).toBe(false);
  });

  it('gives its place at the gate back whatever happens', async () => {
    const gate = aGate({ maxInFlight: 1 });
    const send = () => Promise.reject(new Error('closed'));
    const { attempt } = aStage({ webhook, deps: { gate, send } });
    await expect(attempt(recordOf(delivery))).rejects.toThrow('closed');
    expect(gate.inFlight).toBe(0);
  });

  it('begins no attempt after the drain limit', async () => {
    const gate = aGate({ maxInFlight: 1 });
    const stop = new AbortController();
    await gate.enter({ webhookId: 'another', limits: oneAtATime, isRetry: false, signal: stop.signal });
    const { attempt, sent, produced } = aStage({ webhook, deps: { gate } });
    const attempting = attempt(recordOf(delivery), stop.signal);
    await until(() => gate.waiting === 1);
    stop.abort(new Error('drained'));
    await expect(attempting).rejects.toThrow('drained');
    expect([sent, produced]).toEqual([[], []]);
  });

  it.each([
    ['is not Avro', Buffer.from('garbage'), 'not_avro'],
    ['is empty', null, 'not_avro'],
    ['is no delivery', codec.encode('webhook', webhook), 'wrong_type'],
  ])('puts a record that %s on the dead letters and goes on', async (_, value, reason) => {
    const { attempt, sent, produced, poison } = aStage({ webhook });
    await attempt(aRecord(value));
    expect(poison).toEqual([reason]);
    expect([sent, produced]).toEqual([[], []]);
  });

  it('keeps the offset of a poison record that the dead letters do not take', async () => {
    const fault = new KafkaFault('not produced');
    const poison = { put: (_: IncomingRecord, error: PoisonRecordError) => Promise.reject(error && fault) };
    const { attempt } = aStage({ webhook, deps: { poison } });
    await expect(attempt(aRecord(null))).rejects.toBe(fault);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
