import 'reflect-metadata';
import { KafkaFault } from '@dits/contracts';
import type {
  ConsumerHealth,
  ConsumerOptions,
  IncomingRecord,
  KafkaConnection,
  RunningConsumer,
} from '@dits/kafka';
import { describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import { FaultFilter } from './fault-filter.js';
import { HealthRegistry } from './health.js';
import { KafkaStrategy, type ConsumerStarters, type StageSettings } from './kafka-strategy.js';
import { NestLog } from './logger.js';
import { metricsRegistry } from './metrics.js';
import { StageContext, type StageOptions } from './stage-options.js';
import { linesLog } from './testing.js';

type Handle = (payload: unknown, context: { signal: AbortSignal }) => Promise<void>;
type Started = ConsumerOptions & {
  mode: string;
  handle: Handle;
  dueAtMs?: (r: IncomingRecord) => number;
  maxBatchRecords?: number;
};

/** Consumers that hold what they were started with, and hand out what a test gives them. */
class FakeConsumers {
  readonly started: Started[] = [];
  readonly stopped: string[] = [];
  health: ConsumerHealth = { joined: true, faultSinceMs: null, held: 0, heldBytes: 0, partitions: [] };

  readonly starters = {
    batch: (o: object) => this.start('batch', o),
    record: (o: object) => this.start('record', o),
    delayed: (o: object) => this.start('delayed', o),
  } as unknown as ConsumerStarters;

  private async start(mode: string, o: object): Promise<RunningConsumer> {
    const started = { mode, ...o } as Started;
    this.started.push(started);
    return {
      stop: async () => void this.stopped.push(started.groupId),
      health: () => this.health,
    };
  }
}

function aRecord(o: Partial<IncomingRecord> = {}): IncomingRecord {
  const nothing = { key: null, value: null, headers: {}, timestampMs: 0, lookback: false };
  return { topic: 'dits.events', partition: 0, offset: 0n, ...nothing, ...o };
}

async function listen(controller: Type, o: { prefix?: string; settings?: StageSettings } = {}) {
  const consumers = new FakeConsumers();
  const health = new HealthRegistry();
  const { log, lines } = linesLog();
  class TestModule {}
  Module({ controllers: [controller] })(TestModule);
  const strategy = new KafkaStrategy({
    kafka: {} as KafkaConnection,
    log,
    health,
    prefix: o.prefix ?? '',
    now: () => 0,
    waitFor: (_what, attempt) => attempt(),
    starters: consumers.starters,
    ...o.settings,
  });
  const app: INestMicroservice = await NestFactory.createMicroservice<MicroserviceOptions>(TestModule, {
    strategy,
    logger: new NestLog(log),
    abortOnError: false,
  });
  app.useGlobalFilters(new FaultFilter());
  await app.listen();
  return { app, consumers, health, lines };
}

const signal = new AbortController().signal;

describe('KafkaStrategy', () => {
  it('hands a batch and its context to the handler, under the prefixed topic and group', async () => {
    const seen: unknown[] = [];
    @Controller()
    class Stage {
      @EventPattern<string>('dits.events', {
        mode: 'batch',
        groupId: 'dits-router',
        lookbackRecords: 7,
      } satisfies StageOptions)
      async route(@Payload() records: IncomingRecord[], @Ctx() context: StageContext): Promise<void> {
        seen.push(records, context.signal);
      }
    }
    const { app, consumers } = await listen(Stage, { prefix: 'blue.' });

    const [consumer] = consumers.started;
    expect(consumer).toMatchObject({
      mode: 'batch',
      groupId: 'blue.dits-router',
      topics: ['blue.dits.events'],
      lookbackRecords: 7,
    });
    const batch = [aRecord({ offset: 1n }), aRecord({ offset: 2n })];
    await consumer!.handle(batch, { signal });
    expect(seen).toEqual([batch, signal]);
    await app.close();
  });

  it('rejects with the very error a handler threw, and leaves the logging of it to the consumer', async () => {
    const fault = new KafkaFault('log entry not produced');
    @Controller()
    class Stage {
      @EventPattern<string>('dits.events', { mode: 'record', groupId: 'g' } satisfies StageOptions)
      async take(): Promise<void> {
        throw fault;
      }
    }
    const { app, consumers, lines } = await listen(Stage);
    await expect(consumers.started[0]!.handle(aRecord(), { signal })).rejects.toBe(fault);
    expect(lines().filter(({ level }) => level === 'error')).toEqual([]);
    await app.close();
  });

  it('lets several records be in a handler at once', async () => {
    const waiting: (() => void)[] = [];
    @Controller()
    class Stage {
      @EventPattern<string>('dits.deliveries', { mode: 'record', groupId: 'g' } satisfies StageOptions)
      take(): Promise<void> {
        return new Promise((resolve) => waiting.push(resolve));
      }
    }
    const { app, consumers } = await listen(Stage);
    const both = [1n, 2n].map((offset) => consumers.started[0]!.handle(aRecord({ offset }), { signal }));
    await new Promise(setImmediate);
    expect(waiting).toHaveLength(2);
    waiting.reverse().forEach((done) => done());
    await Promise.all(both);
    await app.close();
  });

  it('gives one handler of two topics one consumer', async () => {
    @Controller()
    class Stage {
      @EventPattern<string[]>(['dits.events', 'dits.delivery-log'], {
        mode: 'batch',
        groupId: 'g',
      } satisfies StageOptions)
      async take(): Promise<void> {}
    }
    const { app, consumers } = await listen(Stage);
    expect(consumers.started.map(({ topics }) => topics)).toEqual([['dits.events', 'dits.delivery-log']]);
    await app.close();
  });

  it('takes topics and limits that only the configuration knows', async () => {
    const dueAtMs = (record: IncomingRecord): number => record.timestampMs + 5;
    @Controller()
    class Stage {
      @EventPattern<string>('dits.deliveries.retry.*', {
        mode: 'delayed',
        groupId: 'g',
        maxBatchRecords: 9,
        dueAtMs,
      } satisfies StageOptions)
      async take(): Promise<void> {}
    }
    const { app, consumers } = await listen(Stage, {
      prefix: 'p.',
      settings: {
        topics: { 'dits.deliveries.retry.*': ['retry.15s', 'retry.1m'] },
        limits: { g: { maxBatchRecords: 3 } },
      },
    });
    expect(consumers.started[0]).toMatchObject({
      mode: 'delayed',
      topics: ['p.retry.15s', 'p.retry.1m'],
      maxBatchRecords: 3,
      dueAtMs,
    });
    await app.close();
  });

  it('shows a consumer that has a fault as not ready', async () => {
    @Controller()
    class Stage {
      @EventPattern<string>('dits.events', { mode: 'batch', groupId: 'g' } satisfies StageOptions)
      async take(): Promise<void> {}
    }
    const { app, consumers, health } = await listen(Stage);
    expect((await health.report()).ok).toBe(true);
    consumers.health = { ...consumers.health, faultSinceMs: 0, held: 4 };
    expect((await health.report()).checks['consumer g']).toEqual({
      ok: false,
      detail: { joined: true, fault_since: '1970-01-01T00:00:00.000Z', held_records: 4, held_bytes: 0 },
    });
    expect(await metricsRegistry.metrics()).toContain('dits_consumer_held_records{group="g"} 4');
    await app.close();
  });

  it('drains every consumer when the app closes', async () => {
    @Controller()
    class Stage {
      @EventPattern<string>('a', { mode: 'batch', groupId: 'g1' } satisfies StageOptions)
      async one(): Promise<void> {}
      @EventPattern<string>('b', { mode: 'record', groupId: 'g2' } satisfies StageOptions)
      async two(): Promise<void> {}
    }
    const { app, consumers } = await listen(Stage);
    await app.close();
    expect(consumers.stopped).toEqual(['g1', 'g2']);
  });

  it.each([
    [
      'two handlers of one topic',
      [
        { topic: 'a', groupId: 'g1' },
        { topic: 'a', groupId: 'g2' },
      ],
      'a has two handlers',
    ],
    [
      'two handlers in one group',
      [
        { topic: 'a', groupId: 'g' },
        { topic: 'b', groupId: 'g' },
      ],
      'share the group g',
    ],
    [
      'a handler without a mode',
      [{ topic: 'a', groupId: 'g', mode: undefined }],
      'must be @EventPattern(topic, { mode, groupId })',
    ],
    ['no handler at all', [], 'no @EventPattern handler'],
  ])(
    'does not start with %s',
    async (_, handlers: { topic: string; groupId: string; mode?: string }[], message) => {
      class Stage {
        async h0(): Promise<void> {}
        async h1(): Promise<void> {}
      }
      handlers.forEach(({ topic, ...extras }, i) => {
        const key = `h${i}`;
        EventPattern(topic, { mode: 'batch', ...extras })(
          Stage.prototype,
          key,
          Object.getOwnPropertyDescriptor(Stage.prototype, key)!,
        );
      });
      Controller()(Stage);
      await expect(listen(Stage)).rejects.toThrow(message);
    },
  );
});
