import {
  KafkaFault,
  PoisonRecordError,
  RegistryFault,
  ROUTE_AGAIN_HEADER,
  topicNames,
  type AnyEvent,
  type Delivery,
  type EventType,
  type Routed,
  type WebhookSnapshot,
} from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import { replayHeaders, type IncomingRecord, type OutgoingRecord } from '@dits/kafka';
import { noTracing, metricsRegistry } from '@dits/runtime';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { RecentEventIds } from './recent-event-ids.js';
import { routeEvents, type RouteDeps } from './route-event.js';

const topics = topicNames();
const NOW_MS = 1_764_061_940_000;
const ACCEPTED_MS = 1_764_061_934_000;

/** What the fakes hold. Values of event records are JSON here; `encode` gives JSON too. */
interface World {
  sent: OutgoingRecord[][];
  deadLetters: { offset: bigint; reason: string }[];
  steps: string[];
  logged: { message: string; [fact: string]: unknown }[];
  webhooks: WebhookSnapshot[];
  recentEventIds: RecentEventIds;
  fault: { send?: Error; decode?: Error; catchUp?: Error; deadLetter?: Error };
}

let world: World;
let deps: RouteDeps;

beforeEach(() => {
  world = {
    sent: [],
    deadLetters: [],
    steps: [],
    logged: [],
    webhooks: [],
    recentEventIds: new RecentEventIds(),
    fault: {},
  };
  deps = {
    async catchUpWebhooks() {
      world.steps.push('catch up');
      if (world.fault.catchUp) throw world.fault.catchUp;
      return '0:7';
    },
    match({ event, repositoryId, ownerLogin }) {
      world.steps.push(`match ${event} ${repositoryId} ${ownerLogin}`);
      return world.webhooks;
    },
    async decodeEvent(value) {
      if (world.fault.decode) throw world.fault.decode;
      const text = value?.toString() ?? '';
      if (!text.startsWith('{')) throw new PoisonRecordError('not_avro', 'no header');
      return { type: { event: 'push' } as EventType, event: JSON.parse(text) as AnyEvent };
    },
    encode: (name, record) => Buffer.from(JSON.stringify({ name, ...record })),
    async sendAll(records) {
      world.steps.push('send');
      if (world.fault.send) throw world.fault.send;
      world.sent.push(records);
    },
    async deadLetter(record, error) {
      if (world.fault.deadLetter) throw world.fault.deadLetter;
      world.deadLetters.push({ offset: record.offset, reason: error.reason });
    },
    recentEventIds: world.recentEventIds,
    topics,
    maxEventBytes: 10_000,
    log: { info: (facts, message) => void world.logged.push({ ...facts, message }) },
    tracing: noTracing,
    now: () => NOW_MS,
  };
});

function anEvent(over: Record<string, unknown> = {}): AnyEvent {
  return {
    repository: { id: 123, name: 'reel', full_name: 'Studio/reel' },
    sender: { id: 1, login: 'octocat', type: 'user' },
    event_id: 'e1',
    occurred_at: '2026-11-25T09:12:14Z',
    ...over,
  };
}

let nextOffset = 0n;

function aRecord(over: Partial<IncomingRecord> & { event?: AnyEvent } = {}): IncomingRecord {
  const { event = anEvent(), ...fields } = over;
  return {
    topic: 'dits.events',
    partition: 0,
    offset: nextOffset++,
    key: Buffer.from('123'),
    value: Buffer.from(JSON.stringify(event)),
    headers: {},
    timestampMs: ACCEPTED_MS,
    lookback: false,
    ...fields,
  };
}

const withId = (event_id: string, over: Partial<IncomingRecord> = {}) =>
  aRecord({ event: anEvent({ event_id }), ...over });
const aWebhook = (webhook_id: string) => ({ webhook_id }) as WebhookSnapshot;
const sentRecords = () => world.sent.flat();
const sentTo = <T>(topic: string) =>
  sentRecords()
    .filter((record) => record.topic === topic)
    .map((record) => ({ ...record, value: JSON.parse(record.value!.toString()) as T }));
const routedIds = () => sentTo<Routed>(topics.deliveryLog).map(({ value }) => value.event_id);

describe('routeEvents', () => {
  it('sends one delivery per matching webhook and one routed entry that names them', async () => {
    world.webhooks = [aWebhook('w1'), aWebhook('w2')];
    await routeEvents([aRecord()], deps);

    const ids = ['w1', 'w2'].map((webhookId) =>
      deliveryId({ acceptedAtMs: ACCEPTED_MS, eventId: 'e1', webhookId }),
    );
    const deliveries = sentTo<Delivery>(topics.deliveries);
    expect(deliveries.map(({ key }) => key)).toEqual(['w1', 'w2']);
    expect(deliveries.map(({ timestampMs }) => timestampMs)).toEqual([NOW_MS, NOW_MS]);
    expect(deliveries[0]!.value).toMatchObject({
      delivery_id: ids[0],
      event_id: 'e1',
      webhook_id: 'w1',
      event: 'push',
      accepted_at_ms: ACCEPTED_MS,
      attempt: 1,
      schedule_attempt: 1,
      deferrals: 0,
      trigger: 'event',
    });
    const [entry, ...others] = sentTo<Routed>(topics.deliveryLog);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ key: 'e1', timestampMs: NOW_MS });
    expect(entry!.value).toMatchObject({
      accepted_at_ms: ACCEPTED_MS,
      routed_at_ms: NOW_MS,
      repository_id: 123,
      repository_full_name: 'Studio/reel',
      deliveries: [
        { delivery_id: ids[0], webhook_id: 'w1' },
        { delivery_id: ids[1], webhook_id: 'w2' },
      ],
    });
    expect(entry!.value.body).toEqual(deliveries[0]!.value.body);
    expect(world.logged).toEqual([
      expect.objectContaining({ message: 'event.routed', event_id: 'e1', event: 'push', deliveries: 2 }),
    ]);
  });

  it('sends a routed entry for an event that nobody wants', async () => {
    await routeEvents([aRecord()], deps);
    expect(sentTo<Delivery>(topics.deliveries)).toEqual([]);
    expect(sentTo<Routed>(topics.deliveryLog)[0]!.value.deliveries).toEqual([]);
  });

  it('catches up with the webhooks once, before it matches', async () => {
    await routeEvents([withId('e1'), withId('e2')], deps);
    expect(world.steps).toEqual(['catch up', 'match push 123 studio', 'match push 123 studio', 'send']);
  });

  it('keeps the order of each partition', async () => {
    world.webhooks = [aWebhook('w1')];
    await routeEvents(
      ['a', 'b', 'c', 'd'].map((id, i) => withId(id, { partition: i % 2 })),
      deps,
    );
    expect(sentTo<Delivery>(topics.deliveries).map(({ value }) => value.event_id)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  it('splits the entry of an event with more webhooks than fit into a record', async () => {
    world.webhooks = Array.from({ length: 12_000 }, (_, i) => aWebhook(`w${i}`));
    await routeEvents([aRecord()], deps);
    const entries = sentTo<Routed>(topics.deliveryLog);
    expect(entries.map(({ value }) => value.deliveries.length)).toEqual([5_000, 5_000, 2_000]);
    expect(new Set(entries.flatMap(({ value }) => value.deliveries.map((d) => d.webhook_id))).size).toBe(
      12_000,
    );
    expect(sentTo(topics.deliveries)).toHaveLength(12_000);
  });

  it('sends in parts when large bodies go to many webhooks', async () => {
    world.webhooks = Array.from({ length: 1_000 }, (_, i) => aWebhook(`w${i}`));
    await routeEvents([aRecord({ event: anEvent({ description: 'x'.repeat(9_000) }) })], deps);
    expect(world.sent.length).toBeGreaterThan(1);
    for (const records of world.sent) {
      expect(records.reduce((sum, { value }) => sum + value!.length, 0)).toBeLessThan(9 * 1024 * 1024);
    }
    expect(sentTo(topics.deliveries)).toHaveLength(1_000);
  });
});

describe('a fault', () => {
  it.each([
    ['Kafka does not take the records', { send: new KafkaFault('away') }],
    ['the registry is away', { decode: new RegistryFault('away') }],
    ['the webhooks cannot be asked for', { catchUp: new KafkaFault('away') }],
  ])('when %s rejects the batch, which is routed whole when it comes again', async (_, fault) => {
    const batch = [withId('e1'), withId('e2')];
    world.fault = fault;
    await expect(routeEvents(batch, deps)).rejects.toBe(Object.values(fault)[0]);
    expect(sentRecords()).toEqual([]);
    expect(world.logged).toEqual([]);

    world.fault = {};
    await routeEvents(batch, deps);
    expect(routedIds()).toEqual(['e1', 'e2']);
    expect(world.logged.map(({ message }) => message)).toEqual(['event.routed', 'event.routed']);
  });

  it('at the dead letters rejects the batch too', async () => {
    world.fault.deadLetter = new KafkaFault('away');
    await expect(routeEvents([aRecord({ value: Buffer.from('?') })], deps)).rejects.toBe(
      world.fault.deadLetter,
    );
  });

  it('after the sending repeats it with the same ids', async () => {
    world.webhooks = [aWebhook('w1')];
    const batch = [withId('e1')];
    await routeEvents(batch, deps);
    // Another process takes over before the offset was committed.
    await routeEvents(batch, { ...deps, recentEventIds: new RecentEventIds() });
    const ids = sentTo<Delivery>(topics.deliveries).map(({ value }) => value.delivery_id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it('gives up at once when its partition is taken away', async () => {
    await expect(routeEvents([aRecord()], deps, AbortSignal.abort(new Error('revoked')))).rejects.toThrow(
      'revoked',
    );
    expect(sentRecords()).toEqual([]);
  });
});

describe('a repeated event', () => {
  it('is routed once within one batch', async () => {
    await routeEvents([withId('e1'), withId('e1'), withId('e2')], deps);
    expect(routedIds()).toEqual(['e1', 'e2']);
    expect(world.logged.filter(({ message }) => message === 'event.repeated')).toHaveLength(1);
  });

  it('is routed once over batches', async () => {
    await routeEvents([withId('e1')], deps);
    await routeEvents([withId('e1'), withId('e2')], deps);
    expect(routedIds()).toEqual(['e1', 'e2']);
  });

  it('on another partition is an event of its own', async () => {
    await routeEvents([withId('e1', { partition: 0 }), withId('e1', { partition: 1 })], deps);
    expect(routedIds()).toEqual(['e1', 'e1']);
  });

  it('is known after an assignment from the records before the committed offset, which are not routed', async () => {
    await routeEvents([withId('e1', { lookback: true }), withId('e1'), withId('e2')], deps);
    expect(routedIds()).toEqual(['e2']);
    await routeEvents([withId('e3', { lookback: true })], deps);
    await routeEvents([withId('e3')], deps);
    expect(routedIds()).toEqual(['e2']);
  });

  it('is no dead letter that was put back, though its original can be read by now; that is routed once', async () => {
    const putBack = (number: number) =>
      withId('e1', { headers: replayHeaders({}, { letterId: 'a-letter', number }) });
    await routeEvents([withId('e1', { lookback: true })], deps);
    await routeEvents([putBack(1), putBack(1)], deps);
    await routeEvents([putBack(1)], deps);
    expect(routedIds()).toEqual(['e1']);
    await routeEvents([putBack(2), withId('e1')], deps);
    expect(routedIds()).toEqual(['e1', 'e1']);
  });

  it('that was put back because it was never routed is routed, though it is known from what was read back', async () => {
    await routeEvents([withId('e1', { lookback: true }), withId('e2')], deps);
    const headers = { [ROUTE_AGAIN_HEADER]: Buffer.from('1') };
    await routeEvents([withId('e1', { headers }), withId('e2')], deps);
    expect(routedIds()).toEqual(['e2', 'e1']);
  });

  it('does not ask for webhooks for the sake of records read again', async () => {
    await routeEvents([withId('e1', { lookback: true })], deps);
    expect(world.steps).toEqual([]);
  });
});

describe('a poison record', () => {
  it.each([
    ['not Avro', aRecord({ value: Buffer.from('?') }), 'not_avro'],
    ['empty', aRecord({ value: null }), 'not_avro'],
    ['too large', aRecord({ value: Buffer.alloc(10_001, 0x7b) }), 'too_large'],
    ['without a time', aRecord({ timestampMs: -1 }), 'invalid_value'],
  ])('that is %s goes to the dead letters, and the others are routed', async (_, record, reason) => {
    await routeEvents([withId('e1'), record, withId('e2')], deps);
    expect(world.deadLetters).toEqual([{ offset: record.offset, reason }]);
    expect(routedIds()).toEqual(['e1', 'e2']);
  });

  it('is not put there again when it is only read again', async () => {
    await routeEvents([aRecord({ value: Buffer.from('?'), lookback: true })], deps);
    expect(world.deadLetters).toEqual([]);
  });
});

describe('metrics of routing', () => {
  const series = async (): Promise<number> =>
    (await metricsRegistry.getMetricsAsJSON()).reduce((count, { values }) => count + values.length, 0);

  it('are as many series for 10,000 webhooks as for one', async () => {
    world.webhooks = [aWebhook('w')];
    await routeEvents([withId('one')], deps);
    const before = await series();
    expect(before).toBeGreaterThan(0);
    world.webhooks = Array.from({ length: 10_000 }, (_, i) => aWebhook(`w${i}`));
    await routeEvents([withId('many')], deps);
    expect(await series()).toBe(before);
  });
});
