import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { topicNames } from '@dits/contracts';
import { parseTiers } from '@dits/domain';
import {
  applyTopics,
  BatchingProducer,
  createKafka,
  startBatchConsumer,
  type IncomingRecord,
  type RunningConsumer,
} from '@dits/kafka';
import { createLogger, createRuntime, FaultFilter, KafkaStrategy, Lifecycle, NestLog } from '@dits/runtime';
import { services, uniquePrefix } from '@dits/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { AppModule } from './app.module.js';
import { ALL_TIERS } from './hold.controller.js';

const prefix = uniquePrefix();
const topics = topicNames(prefix);
const tiers = parseTiers('100ms,600ms,1h');
const log = createLogger({ name: 'retrier-test', level: 'warn' });

describe('the retrier', () => {
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'retrier-test', log });
  const arrived: { record: IncomingRecord; atMs: number }[] = [];
  let producer: BatchingProducer;
  let reader: RunningConsumer;
  let stopRetriers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    await createTopics();
    producer = new BatchingProducer({ kafka, log });
    await producer.connect();
    reader = await startBatchConsumer({
      kafka,
      log,
      groupId: `${prefix}retrier-test`,
      topics: [topics.deliveries],
      handle: async (records) =>
        void arrived.push(...records.map((record) => ({ record, atMs: Date.now() }))),
    });
  }, 60_000);
  afterEach(async () => {
    await Promise.all(stopRetriers.map((stop) => stop()));
    stopRetriers = [];
  });
  afterAll(async () => {
    await reader?.stop();
    await producer?.close();
  });

  async function createTopics(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'dits-topics-'));
    try {
      const names = [topicNames().deliveries, ...tiers.map(({ name }) => topicNames().retry(name))];
      const list = names.map((name) => `  - name: ${name}\n    partitions: 2\n    config: {}\n`).join('');
      const file = join(folder, 'topics.yaml');
      writeFileSync(file, `replication: 1\ndefaults: {}\ntopics:\n${list}`);
      await applyTopics({ kafka, file, prefix, replication: 1 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** A retrier in this process, wired as its main does; returns how to stop it before the test ends. */
  async function startRetrier(): Promise<() => Promise<void>> {
    const config = {
      kafkaBrokers: [services().kafka],
      // Nobody there: the retrier has no need of the registry.
      registryUrl: 'http://127.0.0.1:9/',
      topicPrefix: prefix,
      logLevel: 'warn' as const,
      schemasDir: undefined,
      host: '127.0.0.1',
      startTimeoutMs: 30_000,
      adminPort: 0,
      stallLimitMs: 120_000,
      stallRestartMs: 0,
      retryTiers: tiers,
    };
    const lifecycle = new Lifecycle(log, () => undefined);
    const stop = () => lifecycle.stop('test', 0);
    stopRetriers.push(stop);
    const runtime = createRuntime({ name: 'retrier', config, log, lifecycle, now: Date.now });
    const strategy = new KafkaStrategy({
      kafka: runtime.kafka,
      log,
      health: runtime.health,
      now: Date.now,
      prefix,
      topics: { [ALL_TIERS]: tiers.map(({ name }) => topicNames().retry(name)) },
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
    return stop;
  }

  async function hold(
    name: string,
    o: { tier: string; notBeforeMs?: number; value?: Buffer | null },
  ): Promise<void> {
    const { tier, notBeforeMs, value = Buffer.from(name) } = o;
    await producer.send({
      topic: topics.retry(tier),
      key: `webhook of ${name}`,
      value,
      headers: {
        name,
        ...(notBeforeMs !== undefined && { 'dits-not-before': String(notBeforeMs) }),
      },
    });
  }

  const found = (name: string) => arrived.filter(({ record }) => String(record.headers.name) === name);
  async function untilBack(...names: string[]): Promise<void> {
    for (
      const limitMs = Date.now() + 20_000;
      !names.every((name) => found(name).length > 0);
      await pause(5)
    ) {
      if (Date.now() > limitMs) throw new Error(`not back within 20 s: ${names.join(', ')}`);
    }
  }

  it('puts each delivery back when it is due, not before, and as it was', async () => {
    await startRetrier();
    const startMs = Date.now();
    const value = Buffer.from([0, 0, 0, 0, 9, 255, 254]);
    await hold('short', { tier: '100ms', notBeforeMs: startMs + 150, value });
    await hold('long', { tier: '600ms', notBeforeMs: startMs + 700, value });
    await untilBack('short', 'long');

    const [short] = found('short');
    const [long] = found('long');
    expect(short!.atMs).toBeGreaterThanOrEqual(startMs + 150);
    expect(long!.atMs).toBeGreaterThanOrEqual(startMs + 700);
    expect(short!.record.key?.toString()).toBe('webhook of short');
    expect(short!.record.value).toEqual(value);
    expect(short!.record.headers['dits-not-before']?.toString()).toBe(String(startMs + 150));
  }, 60_000);

  it('keeps one tier going while another waits', async () => {
    const startMs = Date.now();
    for (let i = 0; i < 20; i++) await hold(`waits-${i}`, { tier: '1h', notBeforeMs: startMs + 3_600_000 });
    await startRetrier();
    for (let i = 0; i < 5; i++) {
      await hold(`goes-${i}`, { tier: '100ms', notBeforeMs: Date.now() + 100 });
      await untilBack(`goes-${i}`);
    }
    expect(arrived.some(({ record }) => String(record.headers.name).startsWith('waits'))).toBe(false);
  }, 60_000);

  it('puts back what nobody can read too, when its tier has passed, and goes on', async () => {
    await startRetrier();
    const startMs = Date.now();
    await hold('tombstone', { tier: '600ms', value: null });
    await hold('garbage', { tier: '600ms', value: Buffer.from('garbage') });
    await hold('next', { tier: '600ms', notBeforeMs: startMs + 100 });
    await untilBack('tombstone', 'garbage', 'next');
    for (const name of ['tombstone', 'garbage'])
      expect(found(name)[0]!.atMs).toBeGreaterThanOrEqual(startMs + 600);
    expect(found('tombstone')[0]!.record.value).toBeNull();
    expect(found('garbage')[0]!.record.value?.toString()).toBe('garbage');
  }, 60_000);

  it('loses nothing and repeats nothing over a restart', async () => {
    const stop = await startRetrier();
    await hold('before', { tier: '100ms', notBeforeMs: Date.now() });
    await untilBack('before');
    await hold('over', { tier: '600ms', notBeforeMs: Date.now() + 600 });
    await stop();
    await startRetrier();
    await hold('after', { tier: '100ms', notBeforeMs: Date.now() });
    await untilBack('over', 'after');
    for (const name of ['before', 'over', 'after']) expect(found(name)).toHaveLength(1);
  }, 60_000);

  it('loses nothing, and puts nothing back early or out of order, while retriers come and go and share the work', async () => {
    const names: string[] = [];
    const dueAtMs = new Map<string, number>();
    const holdSome = async (round: string) => {
      for (let i = 0; i < 100; i++) {
        const name = `shared-${round}-${i}`;
        const notBeforeMs = Date.now() + 600;
        names.push(name);
        dueAtMs.set(name, notBeforeMs);
        await hold(name, { tier: '600ms', notBeforeMs });
      }
    };
    const stopFirst = await startRetrier();
    await holdSome('alone');
    // A rebalance while all of it waits, and another one, and a third.
    const stopSecond = await startRetrier();
    await holdSome('two');
    await stopFirst();
    await holdSome('one left');
    await startRetrier();
    await holdSome('two again');
    await stopSecond();
    await untilBack(...names);

    // What was put back as its partition went to another is put back again; the first time counts.
    const firsts = new Map<string, { partition: number; atMs: number }>();
    for (const { record, atMs } of arrived) {
      const name = String(record.headers.name);
      if (dueAtMs.has(name) && !firsts.has(name)) firsts.set(name, { partition: record.partition, atMs });
    }
    for (const [name, { atMs }] of firsts) expect([name, atMs >= dueAtMs.get(name)!]).toEqual([name, true]);
    // The same key: the same partition here and there.
    for (const partition of [0, 1]) {
      const order = [...firsts].filter(([, first]) => first.partition === partition).map(([name]) => name);
      expect(order.length).toBeGreaterThan(0);
      expect(order).toEqual(names.filter((name) => order.includes(name)));
    }
  }, 120_000);
});
