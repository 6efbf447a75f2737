import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bundledSchemas,
  EventCatalogue,
  frame,
  topicNames,
  type Delivery,
  type Routed,
  type WebhookSnapshot,
} from '@dits/contracts';
import {
  applyTopics,
  BatchingProducer,
  createCodec,
  createKafka,
  startBatchConsumer,
  type Codec,
  type IncomingRecord,
  type OutgoingRecord,
  type RunningConsumer,
} from '@dits/kafka';
import {
  createLogger,
  createRuntime,
  FaultFilter,
  KafkaStrategy,
  Lifecycle,
  loadCatalogue,
  NestLog,
} from '@dits/runtime';
import { services, uniquePrefix, until } from '@dits/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { AppModule } from './app.module.js';

const prefix = uniquePrefix();
const topics = topicNames(prefix);
// The routers of these tests meet poison on purpose, and warn of it.
const log = createLogger({ name: 'router-test', level: 'error' });
const SCHEMAS = join(import.meta.dirname, '../../../schemas');

describe('the router', () => {
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'router-test', log });
  const catalogue = new EventCatalogue(bundledSchemas);
  const arrived: IncomingRecord[] = [];
  let codec: Codec;
  let producer: BatchingProducer;
  let reader: RunningConsumer;
  let stopRouter: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    await applyTopics({ kafka, prefix, replication: 1 });
    codec = codecOf(catalogue);
    await codec.register();
    producer = new BatchingProducer({ kafka, log });
    await producer.connect();
    reader = await startBatchConsumer({
      kafka,
      log,
      groupId: `${prefix}router-test`,
      topics: [topics.deliveries, topics.deliveryLog, topics.deadLetters],
      handle: async (records) => void arrived.push(...records),
    });
  }, 60_000);
  afterEach(async () => {
    await stopRouter?.();
    stopRouter = undefined;
  });
  afterAll(async () => {
    await reader?.stop();
    await producer?.close();
  });

  function codecOf(types: EventCatalogue): Codec {
    return createCodec({ registryUrl: services().registry, catalogue: types, topics, log });
  }

  /** The router in this process, wired as its main does. */
  async function startRouter(schemasDir?: string): Promise<void> {
    const config = {
      kafkaBrokers: [services().kafka],
      registryUrl: services().registry,
      topicPrefix: prefix,
      logLevel: 'error' as const,
      schemasDir,
      host: '127.0.0.1',
      startTimeoutMs: 30_000,
      adminPort: 0,
      stallLimitMs: 120_000,
      stallRestartMs: 0,
      maxBatchRecords: 500,
      maxEventBytes: 1_572_864,
    };
    const lifecycle = new Lifecycle(log, () => undefined);
    stopRouter = () => lifecycle.stop('test', 0);
    const runtime = createRuntime({ name: 'router', config, log, lifecycle, now: Date.now });
    const strategy = new KafkaStrategy({
      kafka: runtime.kafka,
      log,
      health: runtime.health,
      now: Date.now,
      prefix,
      waitFor: (what, attempt) => runtime.waitFor(what, attempt),
    });
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(await AppModule.wire(runtime), {
      strategy,
      logger: new NestLog(log),
      abortOnError: false,
    });
    app.useGlobalFilters(new FaultFilter());
    runtime.onClose('consumers', () => app.close());
    await app.listen();
  }

  let lastRepositoryId = 1_000;

  function anEvent(name: string, repositoryId: number, over: Record<string, unknown> = {}) {
    const { event: _event, ...fields } = catalogue.find(name)!.example;
    const repository = { ...(fields.repository as object), id: repositoryId };
    return { ...fields, repository, event_id: randomUUID(), ...over };
  }

  function eventRecord(event: { repository: { id?: number } } & object, name = 'push'): OutgoingRecord {
    return {
      topic: topics.events,
      key: String(event.repository.id),
      value: codec.encodeEvent(catalogue.find(name)!, event),
    };
  }

  async function aWebhook(over: Partial<WebhookSnapshot>): Promise<string> {
    const webhook_id = randomUUID();
    const snapshot: WebhookSnapshot = {
      webhook_id,
      version: 1,
      url: 'https://example.com/hook',
      events: ['*'],
      active: true,
      secrets: [],
      retry_statuses: [],
      created_at_ms: 1,
      updated_at_ms: 1,
      ...over,
    };
    await producer.send({
      topic: topics.webhooks,
      key: webhook_id,
      value: codec.encode('webhook', snapshot),
    });
    return webhook_id;
  }

  const decodedFrom = async <T>(topic: string): Promise<T[]> => {
    const records = arrived.filter((record) => record.topic === topic);
    return Promise.all(records.map(async ({ value }) => (await codec.decode(value)).record as T));
  };
  const deliveriesOf = async (eventId: string) =>
    (await decodedFrom<Delivery>(topics.deliveries)).filter(({ event_id }) => event_id === eventId);
  const entriesOf = async (eventId: string) =>
    (await decodedFrom<Routed>(topics.deliveryLog)).filter(({ event_id }) => event_id === eventId);
  const untilRouted = (eventId: string) =>
    until(`${eventId} is routed`, async () => (await entriesOf(eventId)).length > 0);

  it('makes one delivery per matching webhook, whoever produced the event', async () => {
    const repositoryId = ++lastRepositoryId;
    const wanted = await aWebhook({ repository_id: repositoryId, events: ['push'] });
    const ofOwner = await aWebhook({ owner_login: 'studio', events: ['push.*', 'push'] });
    await aWebhook({ repository_id: repositoryId, events: ['push.*'] });
    await aWebhook({ repository_id: repositoryId, active: false });
    await startRouter();

    const acceptedAtMs = Date.now();
    const { repository } = anEvent('push', repositoryId);
    const ofStudio = { repository: { ...repository, owner: { login: 'Studio' } } };
    const event = anEvent('push', repositoryId, ofStudio);
    await producer.send({ ...eventRecord(event), timestampMs: acceptedAtMs });
    const byHand = anEvent('push', repositoryId, ofStudio);
    await producer.send({ ...eventRecord(byHand), key: null, headers: { 'x-from': 'a script' } });
    await Promise.all([untilRouted(event.event_id), untilRouted(byHand.event_id)]);

    const [entry] = await entriesOf(event.event_id);
    expect(entry).toMatchObject({
      event: 'push',
      accepted_at_ms: acceptedAtMs,
      repository_id: repositoryId,
      trigger: 'event',
    });
    expect(entry!.deliveries.map(({ webhook_id }) => webhook_id).sort()).toEqual([wanted, ofOwner].sort());
    await until('two deliveries', async () => (await deliveriesOf(event.event_id)).length === 2);
    for (const delivery of await deliveriesOf(event.event_id)) {
      expect(entry!.deliveries).toContainEqual({
        delivery_id: delivery.delivery_id,
        webhook_id: delivery.webhook_id,
      });
      expect(JSON.parse(delivery.body.toString())).toEqual({ event: 'push', ...event });
      expect(delivery.body.equals(entry!.body)).toBe(true);
    }
    await until('two more', async () => (await deliveriesOf(byHand.event_id)).length === 2);
  }, 60_000);

  it('matches a webhook in every event that is produced after it', async () => {
    await startRouter();
    const rounds: { webhookId: string; eventId: string }[] = [];
    for (let i = 0; i < 50; i++) {
      const repositoryId = ++lastRepositoryId;
      const webhookId = await aWebhook({ repository_id: repositoryId });
      const event = anEvent('lock.acquired', repositoryId);
      await producer.send(eventRecord(event, 'lock.acquired'));
      rounds.push({ webhookId, eventId: event.event_id });
    }
    for (const { webhookId, eventId } of rounds) {
      await untilRouted(eventId);
      const [entry] = await entriesOf(eventId);
      expect(entry!.deliveries.map(({ webhook_id }) => webhook_id)).toContain(webhookId);
    }
  }, 60_000);

  it('puts what nobody can read on the dead letters, untouched, and goes on', async () => {
    await startRouter();
    const repositoryId = ++lastRepositoryId;
    const before = anEvent('push', repositoryId);
    const after = anEvent('push', repositoryId);
    const poison: [reason: string, value: Buffer | null][] = [
      ['not_avro', Buffer.from('{"event":"push"}')],
      ['not_avro', Buffer.alloc(0)],
      ['not_avro', null],
      ['unknown_schema', frame(2_000_000_000, Buffer.from('whatever'))],
      ['wrong_type', codec.encode('cancelled', aCancelled())],
      ['invalid_value', eventRecord(anEvent('push', repositoryId, { event_id: 'no uuid' })).value],
      ['too_large', frame(1, Buffer.alloc(1_600_000, 1))],
      // As much as the topic takes at all: the letter needs more than the record.
      ['too_large', frame(1, Buffer.alloc(2_096_900, 2))],
    ];
    await producer.send(eventRecord(before));
    for (const [i, [, value]] of poison.entries()) {
      const headers = { n: String(i), 'x-bytes': Buffer.from([0, 255, 1]) };
      await producer.send({ topic: topics.events, key: String(repositoryId), value, headers });
    }
    await producer.send(eventRecord(after));
    await untilRouted(after.event_id);

    const letters = () =>
      arrived.filter(
        (record) => record.topic === topics.deadLetters && record.key?.toString() === String(repositoryId),
      );
    await until('all letters', () => letters().length === poison.length);
    const byNumber = letters().sort((a, b) => Number(a.headers.n) - Number(b.headers.n));
    for (const [i, [reason, value]] of poison.entries()) {
      const { headers, value: letter } = byNumber[i]!;
      expect(letter === null ? null : letter.toString('base64')).toBe(value && value.toString('base64'));
      expect(headers['x-bytes']).toEqual(Buffer.from([0, 255, 1]));
      expect(String(headers['dits-dead-letter-reason'])).toBe(reason);
      expect(String(headers['dits-dead-letter-stage'])).toBe('router');
      expect(String(headers['dits-dead-letter-topic'])).toBe(topics.events);
    }
    expect(await entriesOf(before.event_id)).toHaveLength(1);
  }, 60_000);

  it('routes what came while it was stopped, and an event that is sent again only once', async () => {
    const repositoryId = ++lastRepositoryId;
    await aWebhook({ repository_id: repositoryId });
    const [first, meanwhile, last] = [1, 2, 3].map(() => anEvent('push', repositoryId)) as [
      ReturnType<typeof anEvent>,
      ReturnType<typeof anEvent>,
      ReturnType<typeof anEvent>,
    ];
    await startRouter();
    await producer.sendAll([eventRecord(first), eventRecord(first)]);
    await untilRouted(first.event_id);
    await stopRouter!();

    await producer.sendAll([eventRecord(first), eventRecord(meanwhile)]);
    await startRouter();
    await untilRouted(meanwhile.event_id);
    await producer.sendAll([eventRecord(first), eventRecord(last)]);
    await untilRouted(last.event_id);

    for (const event of [first, meanwhile, last]) {
      expect(await entriesOf(event.event_id)).toHaveLength(1);
    }
    await until('a delivery', async () => (await deliveriesOf(last.event_id)).length > 0);
    expect(await deliveriesOf(first.event_id)).toHaveLength(1);
  }, 60_000);

  it('routes an event type that was added as one file, without a change of code', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dits-schemas-'));
    try {
      cpSync(SCHEMAS, folder, { recursive: true });
      const schema = JSON.parse(readFileSync(join(folder, 'events/lock.acquired.avsc'), 'utf8')) as {
        fields: { name: string }[];
      };
      const example = { ...catalogue.find('lock.acquired')!.example, event: 'lock.released', forced: true };
      const forced = {
        name: 'forced',
        type: ['null', 'boolean'],
        default: null,
        doc: 'Taken away by an owner.',
      };
      schema.fields.splice(3, 0, forced);
      const made = { ...schema, name: 'LockReleased', event: 'lock.released', doc: 'A lock was given up.' };
      writeFileSync(join(folder, 'events/lock.released.avsc'), JSON.stringify(made));
      writeFileSync(join(folder, 'events/lock.released.example.json'), JSON.stringify(example));
      const extended = loadCatalogue(folder);
      const newCodec = codecOf(extended);
      await newCodec.register();

      const repositoryId = ++lastRepositoryId;
      const webhookId = await aWebhook({ repository_id: repositoryId, events: ['lock.*'] });
      await startRouter(folder);
      const { event: _event, ...fields } = example as unknown as { event: string; repository: object };
      const event_id = randomUUID();
      const event = { ...fields, repository: { ...fields.repository, id: repositoryId }, event_id };
      const type = extended.find('lock.released')!;
      await producer.send({
        topic: topics.events,
        key: String(repositoryId),
        value: newCodec.encodeEvent(type, event),
      });
      await until('a delivery', async () => (await deliveriesOf(event_id)).length > 0);
      const [delivery] = await deliveriesOf(event_id);
      expect(delivery).toMatchObject({ webhook_id: webhookId, event: 'lock.released' });
      expect(JSON.parse(delivery!.body.toString())).toMatchObject({ event: 'lock.released', forced: true });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

function aCancelled() {
  return {
    delivery_id: randomUUID(),
    event_id: randomUUID(),
    webhook_id: randomUUID(),
    event: 'push',
    accepted_at_ms: 1,
    attempt: 1,
    cancelled_at_ms: 1,
    reason: 'webhook_deleted',
  };
}
