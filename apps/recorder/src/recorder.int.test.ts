import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundledSchemas, EventCatalogue, topicNames, type Routed } from '@dits/contracts';
import { DEFAULT_RETRY_TIERS, deliveryId, parseTiers } from '@dits/domain';
import {
  applyTopics,
  BatchingProducer,
  createCodec,
  createKafka,
  startBatchConsumer,
  type Codec,
  type IncomingRecord,
} from '@dits/kafka';
import { DeliveryQueries, migrateDatabase, openDatabase, type Database } from '@dits/persistence';
import { createLogger, createRuntime, FaultFilter, KafkaStrategy, Lifecycle, NestLog } from '@dits/runtime';
import { createDatabase, services, uniquePrefix, type TestDatabase } from '@dits/testkit';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { AppModule } from './app.module.js';

// Others may keep the machine busy.
jest.setTimeout(60_000);

const prefix = uniquePrefix();
const topics = topicNames(prefix);
const log = createLogger({ name: 'recorder-test', level: 'warn' });
const WEBHOOK_ID = randomUUID();

describe('the recorder', () => {
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'recorder-test', log });
  const catalogue = new EventCatalogue(bundledSchemas);
  const push = catalogue.find('push')!;
  let place: TestDatabase;
  let database: Database;
  let codec: Codec;
  let producer: BatchingProducer;

  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    await applyTopics({ kafka, prefix, replication: 1 });
    codec = createCodec({ registryUrl: services().registry, catalogue, topics, log });
    await codec.register();
    producer = new BatchingProducer({ kafka, log });
    await producer.connect();
  });
  afterAll(async () => {
    await producer?.close();
    await database?.destroy();
    await place?.drop();
  });

  /** The recorder in this process, wired as its main does; returns how to stop it. */
  async function startRecorder(): Promise<() => Promise<void>> {
    const config = {
      kafkaBrokers: [services().kafka],
      registryUrl: services().registry,
      topicPrefix: prefix,
      logLevel: 'warn' as const,
      schemasDir: undefined,
      host: '127.0.0.1',
      startTimeoutMs: 30_000,
      adminPort: 0,
      stallLimitMs: 120_000,
      stallRestartMs: 0,
      databaseUrl: place.url,
      historyDays: 30,
      bodyDays: 7,
      auditTrailDays: 365,
      maxBatchRecords: 50,
      retryTiers: parseTiers(DEFAULT_RETRY_TIERS),
      auditIntervalMs: 3_600_000,
      auditGraceMs: 3_600_000,
    };
    const lifecycle = new Lifecycle(log, () => undefined);
    const runtime = createRuntime({ name: 'recorder', config, log, lifecycle, now: Date.now });
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
    return () => lifecycle.stop('test', 0);
  }

  /** Puts an event on its topic and what became of it on the log, as gateway, router and dispatcher do. */
  async function anEventDelivered(): Promise<{ event_id: string; delivery_id: string }> {
    const event_id = randomUUID();
    const accepted_at_ms = Date.now();
    const delivery_id = deliveryId({
      acceptedAtMs: accepted_at_ms,
      eventId: event_id,
      webhookId: WEBHOOK_ID,
    });
    const { event: _event, ...example } = push.example as { event: string; repository: { id: number } };
    const routed: Routed = {
      event_id,
      event: 'push',
      accepted_at_ms,
      routed_at_ms: accepted_at_ms + 2,
      repository_id: example.repository.id,
      repository_full_name: 'user/my-project',
      trigger: 'event',
      body: Buffer.from('{"event":"push"}'),
      deliveries: [{ delivery_id, webhook_id: WEBHOOK_ID }],
    };
    await producer.sendAll([
      {
        topic: topics.events,
        key: String(example.repository.id),
        value: codec.encodeEvent(push, { ...example, event_id, occurred_at: '2026-11-25T09:12:14Z' }),
        timestampMs: accepted_at_ms,
      },
      { topic: topics.deliveryLog, key: event_id, value: codec.encode('routed', routed) },
      {
        topic: topics.deliveryLog,
        key: delivery_id,
        value: codec.encode('attempted', {
          delivery_id,
          event_id,
          webhook_id: WEBHOOK_ID,
          event: 'push',
          accepted_at_ms,
          attempt: 1,
          schedule_attempt: 1,
          trigger: 'event',
          started_at_ms: accepted_at_ms + 4,
          duration_ms: 3.5,
          outcome: 'delivered',
          status_code: 200,
          phases_ms: { connect: 1 },
          url: 'https://your-app.com/webhook',
          request_headers: { 'x-dits-attempt': '1' },
          response_headers: {},
          response_body: Buffer.from('OK'),
          response_truncated: false,
          next_step: 'done',
        }),
      },
    ]);
    return { event_id, delivery_id };
  }

  async function untilCount(sql: string, count: number): Promise<void> {
    for (let found = -1; found !== count;) {
      const [row] = await database.query<{ count: number }[]>(sql);
      found = row!.count;
      if (found !== count) await pause(20);
    }
  }
  const DELIVERED = `SELECT count(*) FROM deliveries JOIN events USING (event_id, accepted_at)
    WHERE status = 'delivered' AND routed_at IS NOT NULL AND ref IS NOT NULL`;

  it('records what it finds, what comes while it runs, and what came while it was stopped, once', async () => {
    const before = await anEventDelivered();
    const stopFirst = await startRecorder();
    await untilCount(DELIVERED, 1);
    await Promise.all(Array.from({ length: 100 }, anEventDelivered));
    await untilCount(DELIVERED, 101);
    await stopFirst();

    await Promise.all(Array.from({ length: 100 }, anEventDelivered));
    const stopSecond = await startRecorder();
    await untilCount(DELIVERED, 201);
    await stopSecond();

    expect(await database.query('SELECT count(*) FROM attempts')).toEqual([{ count: 201 }]);
    const queries = new DeliveryQueries(database);
    expect(await queries.get(WEBHOOK_ID, before.delivery_id)).toMatchObject({
      delivery: { status: 'delivered', attemptCount: 1 },
      body: Buffer.from('{"event":"push"}'),
      attempts: [{ statusCode: 200, responseBody: Buffer.from('OK') }],
    });
  });

  it('puts an unreadable entry on the dead letters untouched, and goes on', async () => {
    const deadLetters: IncomingRecord[] = [];
    const reader = await startBatchConsumer({
      kafka,
      log,
      groupId: `${prefix}dead-letter-reader`,
      topics: [topics.deadLetters],
      handle: async (records) => void deadLetters.push(...records),
    });
    const value = Buffer.from([1, 2, 3, 0]);
    await producer.sendAll([
      { topic: topics.events, key: '1', value, headers: { who: 'x' } },
      { topic: topics.deliveryLog, key: 'k', value, headers: { who: 'me' } },
    ]);
    const [before] = await database.query<{ count: number }[]>(DELIVERED);
    await anEventDelivered();
    const stop = await startRecorder();
    await untilCount(DELIVERED, before!.count + 1);
    while (deadLetters.length === 0) await pause(20);
    // The unreadable event is the router's to put aside; by the time the recorder has stopped it has not.
    await stop();
    await reader.stop();
    expect(deadLetters).toMatchObject([
      { key: Buffer.from('k'), value, headers: { who: Buffer.from('me') } },
    ]);
    const { headers } = deadLetters[0]!;
    const texts = Object.entries(headers).map(([name, text]) => `${name}: ${text.toString()}`);
    expect(texts).toContain('dits-dead-letter-reason: not_avro');
    expect(texts).toContain('dits-dead-letter-stage: recorder');
  });

  it('keeps every dead letter once, with what it says and the bytes of its original', async () => {
    const stopFirst = await startRecorder();
    const letter = (value: Buffer | null, headers: Record<string, string | Buffer>) => ({
      topic: topics.deadLetters,
      key: '123',
      value,
      headers,
    });
    const big = Buffer.alloc(2_000_000, 7);
    await producer.sendAll([
      letter(Buffer.from([0xff, 0]), {
        trace: Buffer.from([1, 0xff]),
        'dits-dead-letter-reason': 'unknown_schema',
        'dits-dead-letter-error': 'the registry has no schema 7',
        'dits-dead-letter-stage': 'router',
        'dits-dead-letter-topic': topics.events,
        'dits-dead-letter-partition': '2',
        'dits-dead-letter-offset': '41',
      }),
      letter(null, {}),
      letter(big, { 'dits-dead-letter-reason': 'too\0large' }),
    ]);
    const ours = `FROM dead_letters WHERE reason IN ('unknown_schema', 'unknown', 'too\uFFFDlarge', 'last')`;
    await untilCount(`SELECT count(*) ${ours}`, 3);
    const [read, unknown, large] = await database.query<Record<string, unknown>[]>(
      `SELECT * ${ours} ORDER BY reason = 'unknown_schema' DESC, reason DESC`,
    );
    expect(read).toMatchObject({
      stage: 'router',
      error: 'the registry has no schema 7',
      topic: topics.events,
      partition: 2,
      record_offset: 41,
      key: Buffer.from('123'),
      value: Buffer.from([0xff, 0]),
      headers: { trace: 'Af8=' },
      replays: 0,
    });
    expect(unknown).toMatchObject({ stage: 'unknown', topic: null, value: null, headers: {} });
    expect((large!.value as Buffer).equals(big)).toBe(true);
    await stopFirst();
    const stopSecond = await startRecorder();
    await producer.sendAll([letter(null, { 'dits-dead-letter-reason': 'last' })]);
    await untilCount(`SELECT count(*) FROM dead_letters WHERE reason = 'last'`, 1);
    expect(await database.query(`SELECT count(*) ${ours}`)).toEqual([{ count: 4 }]);
    await stopSecond();
  });

  describe('the rebuild command', () => {
    const today = () => new Date().toISOString().slice(0, 10);
    const tables = ['events', 'event_bodies', 'deliveries', 'attempts', 'webhook_days', 'dead_letters'];
    const history = async () =>
      Promise.all(tables.map((table) => database.query(`SELECT * FROM ${table} t ORDER BY t::text`)));

    /** The command as an operator runs it. Rejects when it exits with anything but 0. */
    const rebuild = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(import.meta.dirname, '../dist/cli/rebuild.js'), ...args], {
        env: {
          PATH: process.env.PATH,
          DITS_KAFKA_BROKERS: services().kafka,
          DITS_REGISTRY_URL: services().registry,
          DITS_TOPIC_PREFIX: prefix,
          DITS_DATABASE_URL: place.url,
        },
      });

    it('brings back what was lost, wrong or never there, and changes nothing that is right', async () => {
      const stop = await startRecorder();
      const before = (await database.query<{ count: number }[]>(DELIVERED))[0]!.count;
      await Promise.all(Array.from({ length: 20 }, anEventDelivered));
      await untilCount(DELIVERED, before + 20);
      await stop();
      const whole = await history();

      await database.query('DELETE FROM attempts');
      await database.query(`DELETE FROM deliveries WHERE delivery_id::text < '8'`);
      await database.query('DELETE FROM dead_letters');
      const { stdout } = await rebuild('--json');
      expect(await history()).toEqual(whole);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, number>);
      expect(lines.at(-2)!.done).toBe(lines.at(-2)!.total);
      expect(lines.at(-1)).toMatchObject({ records: lines.at(-2)!.total });

      await database.query(`UPDATE deliveries SET status = 'failed', state_version = '\\xffff'`);
      await rebuild('--since', today(), '--clear');
      expect(await history()).toEqual(whole);
      expect(await database.query('SELECT * FROM history_rebuilds')).toEqual([]);
    }, 180_000);

    it('says how to call it when it was called wrongly', async () => {
      await expect(rebuild('--clear')).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining('needs --since'),
      });
      await expect(rebuild('--since', 'yesterday')).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining('Usage:'),
      });
      expect((await rebuild('--help')).stdout).toContain('--clear');
    });
  });
});
