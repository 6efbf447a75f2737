import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '@dits/testkit';
import type { IncomingRecord } from '../records.js';
import {
  Line,
  aTopic,
  committedSum,
  keptLog,
  numberOf,
  produceNumbers,
  testKafka,
  withAdmin,
  withProducer,
} from '../testing/int-support.js';
import { pinnedPartitioner } from '../producer/pinned-partitioner.js';
import { startBatchConsumer } from './batch-consumer.js';
import type { RunningConsumer } from './consumer-options.js';
import { startDelayedConsumer } from './delayed-consumer.js';
import { startRecordConsumer } from './record-consumer.js';

jest.setTimeout(60_000);

const running: RunningConsumer[] = [];
const keep = <C extends RunningConsumer>(consumer: C): C => {
  running.push(consumer);
  return consumer;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
});

const base = (topic: string, o: { line?: Line } = {}) => ({
  kafka: testKafka(o),
  log: keptLog(),
  topics: [topic],
  groupId: `${topic}-group`,
});
const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

/** Produces numbers to one of a topic's two partitions. */
async function produceTo(topic: string, partition: number, some: number[]): Promise<void> {
  const partitionOf = pinnedPartitioner();
  const partitionMetadata = [0, 1].map((partitionId) => ({
    partitionId,
    leader: 1,
    partitionErrorCode: 0,
    replicas: [1],
    isr: [1],
  }));
  const key = numbers(100)
    .map((n) => `key ${n}`)
    .find(
      (each) => partitionOf({ topic, partitionMetadata, message: { key: each, value: null } }) === partition,
    )!;
  await withProducer((producer) =>
    producer.sendAll(some.map((n) => ({ topic, key, value: Buffer.from(String(n)) }))),
  );
}

describe('startBatchConsumer', () => {
  it('hands over every record, in order within its partition, and commits all', async () => {
    const topic = await aTopic({ partitions: 3 });
    const seen: IncomingRecord[] = [];
    const consumer = keep(
      await startBatchConsumer({
        ...base(topic),
        maxBatchRecords: 100,
        handle: async (batch) => {
          expect(batch.length).toBeLessThanOrEqual(100);
          seen.push(...batch);
        },
      }),
    );
    await withProducer((producer) =>
      producer.sendAll(
        numbers(1000).map((n) => ({
          topic,
          key: String(n),
          value: Buffer.from(String(n)),
          headers: { h: Buffer.from([n & 255]) },
          timestampMs: 1_700_000_000_000 + n,
        })),
      ),
    );
    await until('all handled and committed', () => seen.length >= 1000 && committedSum(consumer) === 1000n);
    expect(seen.map(numberOf).sort((a, b) => a - b)).toEqual(numbers(1000));
    for (const partition of [0, 1, 2]) {
      const offsets = seen.filter((record) => record.partition === partition).map(({ offset }) => offset);
      expect(offsets).toEqual(numbers(offsets.length).map(BigInt));
    }
    const one = seen.find((record) => numberOf(record) === 700)!;
    expect(one).toMatchObject({
      topic,
      timestampMs: 1_700_000_000_700,
      lookback: false,
      headers: { h: Buffer.from([700 & 255]) },
    });
    expect(one.key?.toString()).toBe('700');
    expect(consumer.health()).toMatchObject({ joined: true, faultSinceMs: null, held: 0, heldBytes: 0 });
  });

  it('starts again from the committed offset', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 50);
    const seen: number[] = [];
    const start = () =>
      startBatchConsumer({ ...base(topic), handle: async (batch) => void seen.push(...batch.map(numberOf)) });
    const first = await start();
    await until('the first half', () => seen.length === 50);
    await first.stop();
    await produceNumbers(topic, 50, 50);
    keep(await start());
    await until('the second half', () => seen.length >= 100);
    expect(seen).toEqual(numbers(100));
  });

  it('brings a rejected batch again, shows the fault meanwhile, and commits nothing of it', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 10);
    const tries: number[][] = [];
    let works = false;
    const consumer = keep(
      await startBatchConsumer({
        ...base(topic),
        handle: async (batch) => {
          tries.push(batch.map(numberOf));
          if (!works) throw new Error('the database is away');
        },
      }),
    );
    await until('three tries', () => tries.length >= 3);
    expect(consumer.health().faultSinceMs).not.toBeNull();
    expect(committedSum(consumer)).toBe(0n);
    works = true;
    await until('committed', () => committedSum(consumer) === 10n);
    expect(tries.every((batch) => batch.length === 10)).toBe(true);
    expect(consumer.health()).toMatchObject({ faultSinceMs: null, held: 0 });
  });

  it('reads the records before the committed offset again, marked, and does not count them', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 30);
    const seen: IncomingRecord[] = [];
    const start = () =>
      startBatchConsumer({
        ...base(topic),
        lookbackRecords: 20,
        handle: async (batch) => void seen.push(...batch),
      });
    const first = await start();
    await until('the first records', () => seen.length === 30);
    expect(seen.some(({ lookback }) => lookback)).toBe(false);
    await first.stop();
    seen.length = 0;
    await produceNumbers(topic, 5, 30);
    const second = keep(await start());
    await until('lookback and new', () => seen.length >= 25);
    expect(seen.map(numberOf)).toEqual(numbers(25, 10));
    expect(seen.map(({ lookback }) => lookback)).toEqual([...Array(20).fill(true), ...Array(5).fill(false)]);
    await until('committed', () => committedSum(second) === 35n);
  });

  it('never looks back beyond the start of the partition', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 3);
    const seen: IncomingRecord[] = [];
    const start = () =>
      startBatchConsumer({
        ...base(topic),
        lookbackRecords: 5000,
        handle: async (batch) => void seen.push(...batch),
      });
    const first = await start();
    await until('handled', () => seen.length === 3);
    await first.stop();
    keep(await start());
    await until('read again', () => seen.length >= 6);
    expect(seen.slice(3).map(({ lookback }) => lookback)).toEqual([true, true, true]);
  });

  it('does not let a crowded partition hold up another', async () => {
    const topic = await aTopic({ partitions: 2 });
    const batches: IncomingRecord[][] = [];
    const gate = Promise.withResolvers<void>();
    const consumer = keep(
      await startBatchConsumer({
        ...base(topic),
        maxBatchRecords: 10,
        maxHeldRecords: 100,
        handle: async (batch) => {
          batches.push(batch);
          if (batches.length === 1) await gate.promise;
        },
      }),
    );
    await produceTo(topic, 0, numbers(300));
    await until('it has its share', () => consumer.health().held === 50);
    await produceTo(topic, 1, [1000]);
    await until('the other is read, too', () => consumer.health().held === 51);
    gate.resolve();
    await until('all committed', () => committedSum(consumer) === 301n);
    expect(batches[1]!.map(numberOf)).toContain(1000);
    expect(
      batches
        .flat()
        .map(numberOf)
        .filter((n) => n < 1000),
    ).toEqual(numbers(300));
  });

  it('loses nothing and keeps the order when members come, go and share the work', async () => {
    const topic = await aTopic({ partitions: 6 });
    const seen = new Map<number, number>();
    const start = () =>
      startBatchConsumer({
        ...base(topic),
        maxBatchRecords: 50,
        handle: async (batch) => {
          for (const record of batch) seen.set(numberOf(record), (seen.get(numberOf(record)) ?? 0) + 1);
        },
      });
    const a = keep(await start());
    await until('a joined', () => a.health().joined);
    await produceNumbers(topic, 2000);
    const b = await start();
    await produceNumbers(topic, 2000, 2000);
    await until(
      'they share',
      () => b.health().joined && b.health().partitions.length === 3 && a.health().partitions.length === 3,
    );
    await produceNumbers(topic, 2000, 4000);
    await b.stop();
    await produceNumbers(topic, 2000, 6000);
    await until('all seen', () => seen.size === 8000);
    await until('a has all', () => a.health().partitions.length === 6 && committedSum(a) === 8000n);
  });

  it('goes on by itself after Kafka was away, and says so meanwhile', async () => {
    const topic = await aTopic();
    const line = new Line();
    const seen: number[] = [];
    const consumer = keep(
      await startBatchConsumer({
        ...base(topic, { line }),
        handle: async (batch) => void seen.push(...batch.map(numberOf)),
      }),
    );
    await produceNumbers(topic, 5);
    await until('before', () => seen.length === 5 && committedSum(consumer) === 5n);
    line.cut();
    await until('the fault shows', () => consumer.health().faultSinceMs !== null);
    await until('out of the group', () => !consumer.health().joined);
    await produceNumbers(topic, 5, 5);
    line.mend();
    await until('after', () => seen.length >= 10);
    await until('well again', () => consumer.health().joined && consumer.health().faultSinceMs === null);
    expect(seen).toEqual(numbers(10));
  });

  it('leaves no member and no connection behind when it is stopped while it joins', async () => {
    const line = new Line();
    const topic = await aTopic();
    const groups = numbers(8).map((n) => `${topic}-${n}`);
    const consumers = await Promise.all(
      groups.map((groupId) =>
        startBatchConsumer({ ...base(topic, { line }), groupId, handle: () => Promise.resolve() }),
      ),
    );
    // At every stage: connecting, joining, asking for offsets, fetching.
    await Promise.all(
      consumers.map(async (consumer, i) => {
        await until('it is so far', () => line.open > i || consumer.health().joined);
        if (i >= 5) await until('it has joined', () => consumer.health().joined);
        await consumer.stop();
      }),
    );
    // One that was left behind would send heartbeats for ever.
    await until('all have left', () =>
      withAdmin(async (admin) => {
        const { groups: seen } = await admin.describeGroups(groups);
        return seen.every(({ members }) => members.length === 0);
      }),
    );
    await until('all connections are closed', () => line.open === 0);
  });

  it('joins when its topic is made after it', async () => {
    const topic = await aTopic();
    const later = `${topic}-later`;
    const seen: number[] = [];
    keep(
      await startBatchConsumer({ ...base(later), handle: async (b) => void seen.push(...b.map(numberOf)) }),
    );
    await aTopic({ name: later });
    await produceNumbers(later, 3);
    await until('seen', () => seen.length === 3);
  });
});

describe('records that retention took before they were read', () => {
  const deleteBelow = (topic: string, offset: number): Promise<void> =>
    withAdmin(async (admin) => {
      // kafkajs deletes only from topics it has heard of.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
    });

  it('are an error in the log when a member starts, and the rest is read', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 5);
    const seen: number[] = [];
    const log = keptLog();
    const start = () =>
      startBatchConsumer({ ...base(topic), log, handle: async (b) => void seen.push(...b.map(numberOf)) });
    const first = await start();
    await until('handled', () => seen.length === 5);
    await first.stop();
    await produceNumbers(topic, 5, 5);
    await deleteBelow(topic, 8);
    const second = keep(await start());
    await until('the rest', () => committedSum(second) === 10n);
    expect(seen).toEqual([0, 1, 2, 3, 4, 8, 9]);
    expect(log.lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'kafka.consumer.committed_offset_gone',
    ]);
  });

  it('are passed over by a member that was too slow', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 100);
    const seen: number[] = [];
    const gate = Promise.withResolvers<void>();
    const consumer = keep(
      await startBatchConsumer({
        ...base(topic),
        maxHeldRecords: 10,
        handle: async (batch) => {
          seen.push(...batch.map(numberOf));
          await gate.promise;
        },
      }),
    );
    await until('full', () => consumer.health().held === 10);
    await deleteBelow(topic, 50);
    gate.resolve();
    await until('the rest', () => committedSum(consumer) === 100n);
    expect(seen).toEqual([...numbers(10), ...numbers(50, 50)]);
    expect(consumer.health().faultSinceMs).toBeNull();
  });
});

describe('startRecordConsumer', () => {
  it('runs records at once and commits only the prefix that is completed without a gap', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 20);
    const gates = new Map<number, PromiseWithResolvers<void>>();
    const consumer = keep(
      await startRecordConsumer({
        ...base(topic),
        handle: (record) => {
          const gate = Promise.withResolvers<void>();
          gates.set(numberOf(record), gate);
          return gate.promise;
        },
      }),
    );
    await until('all started', () => gates.size === 20);
    for (const n of numbers(20).filter((n) => n !== 7)) gates.get(n)!.resolve();
    await until('committed up to the gap', () => committedSum(consumer) === 7n);
    await until('one held', () => consumer.health().held === 1);
    gates.get(7)!.resolve();
    await until('committed all', () => committedSum(consumer) === 20n);
  });

  it('hands over some in each turn of the event loop when a thousand come at once', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 1000);
    let thisTurn = 0;
    let mostInATurn = 0;
    const endTurn = (): void => {
      mostInATurn = Math.max(mostInATurn, thisTurn);
      thisTurn = 0;
      turn = setImmediate(endTurn);
    };
    let turn = setImmediate(endTurn);
    try {
      const consumer = keep(
        await startRecordConsumer({
          ...base(topic),
          handle: async () => void thisTurn++,
        }),
      );
      await until('all committed', () => committedSum(consumer) === 1000n);
    } finally {
      clearImmediate(turn);
    }
    // 32 when the fetch comes, and as many when its turn ends.
    expect(mostInATurn).toBeLessThanOrEqual(64);
  });

  it('hands over no more once it is to stop, and leaves the rest to the next', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 1000);
    const handled: number[] = [];
    const stops: Promise<void>[] = [];
    const first = await startRecordConsumer({
      ...base(topic),
      handle: async (record) => {
        handled.push(numberOf(record));
        if (stops.length === 0) stops.push(first.stop());
      },
    });
    await until('the first is to stop', () => stops.length > 0);
    await stops[0];
    expect(handled.length).toBeLessThanOrEqual(64);
    const next = keep(
      await startRecordConsumer({
        ...base(topic),
        handle: async (record) => void handled.push(numberOf(record)),
      }),
    );
    await until('all committed', () => committedSum(next) === 1000n);
    expect(handled.toSorted((a, b) => a - b)).toEqual(numbers(1000));
  });

  it('tries a rejected record again while the others go on', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 10);
    let tries = 0;
    const done = new Set<number>();
    const consumer = keep(
      await startRecordConsumer({
        ...base(topic),
        handle: async (record) => {
          if (numberOf(record) === 0 && ++tries < 3) throw new Error('not yet');
          done.add(numberOf(record));
        },
      }),
    );
    await until('the others', () => done.size >= 9);
    await until('all committed', () => committedSum(consumer) === 10n);
    expect(tries).toBe(3);
    expect(consumer.health().faultSinceMs).toBeNull();
  });

  it('holds no more records of a partition than its share of the cap, and goes on soon when there is room', async () => {
    const topic = await aTopic({ partitions: 3 });
    await produceNumbers(topic, 500);
    const waiting: (() => void)[] = [];
    let most = 0;
    let handled = 0;
    const consumer = keep(
      await startRecordConsumer({
        ...base(topic),
        maxHeldRecords: 40,
        handle: () =>
          new Promise((resolve) => {
            waiting.push(() => {
              handled++;
              resolve();
            });
            most = Math.max(most, waiting.length);
          }),
      }),
    );
    // A third of 40 for each of three partitions.
    await until('the cap is reached', () => waiting.length === 39);
    while (handled < 500) {
      await until('more come', () => waiting.length > 0, 2000);
      for (const finish of waiting.splice(0)) finish();
    }
    expect(most).toBe(39);
    await until('all committed', () => committedSum(consumer) === 500n);
  });

  it('holds no more bytes than its cap, yet takes a record that is larger than it', async () => {
    const topic = await aTopic({ config: { 'max.message.bytes': '2097152' } });
    await withProducer((producer) =>
      producer.sendAll(
        [100, 300_000, 400_000, 1_500_000, 100].map((bytes) => ({
          topic,
          key: null,
          value: Buffer.alloc(bytes),
        })),
      ),
    );
    let most = 0;
    let handled = 0;
    const consumer = keep(
      await startBatchConsumer({
        ...base(topic),
        maxHeldBytes: 500_000,
        handle: async (batch) => {
          most = Math.max(most, batch.length);
          handled += batch.length;
        },
      }),
    );
    await until('all committed', () => committedSum(consumer) === 5n);
    expect(handled).toBe(5);
    expect(most).toBe(2);
  });

  it('commits nothing for a record that completes after its partition went to another member', async () => {
    const topic = await aTopic({ partitions: 2 });
    const gates: (() => void)[] = [];
    const a = keep(
      await startRecordConsumer({
        ...base(topic),
        handle: () => new Promise<void>((resolve) => gates.push(resolve)),
      }),
    );
    await until('a joined', () => a.health().joined);
    await produceNumbers(topic, 10);
    await until('all in flight', () => gates.length === 10);
    const again = new Set<number>();
    const b = keep(
      await startRecordConsumer({
        ...base(topic),
        handle: async (record) => void again.add(numberOf(record)),
      }),
    );
    await until('shared', () => b.health().partitions.length === 1 && a.health().partitions.length === 1);
    const own = a.health().partitions[0]!.partition;
    const ownEnd = a.health().partitions[0]!.position;
    await until('b works what a had', () => committedSum(b) === 10n - ownEnd);
    // a goes on with what it kept, without a second delivery of it, and its late records change nothing for b's.
    for (const finish of gates) finish();
    await until('a commits its own', () => committedSum(a) === ownEnd);
    expect(a.health().partitions.map(({ partition }) => partition)).toEqual([own]);
    expect(gates.length).toBe(10);
    expect(a.health().held).toBe(0);
    expect(again.size).toBe(Number(10n - ownEnd));
  });

  it('finishes what is held when it stops, and leaves what takes too long to the next', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 4);
    const started = new Map<number, () => void>();
    let aborted = 0;
    const first = await startRecordConsumer({
      ...base(topic),
      drainMs: 300,
      handle: (record, { signal }) =>
        new Promise((resolve) => {
          started.set(numberOf(record), resolve);
          signal.addEventListener('abort', () => aborted++);
        }),
    });
    await until('in flight', () => started.size === 4);
    const stopped = first.stop();
    started.get(0)!();
    started.get(1)!();
    started.get(3)!();
    await stopped;
    expect(aborted).toBeGreaterThan(0);
    const seen: number[] = [];
    keep(
      await startRecordConsumer({
        ...base(topic),
        handle: async (record) => void seen.push(numberOf(record)),
      }),
    );
    await until('the rest', () => seen.length === 2);
    expect(seen).toEqual([2, 3]);
  });
});

describe('startDelayedConsumer', () => {
  const due = (record: IncomingRecord): number => numberOf(record);

  it('hands over no record before it is due, each in order, and keeps those not due over a restart', async () => {
    const topic = await aTopic();
    let nowMs = 0;
    await produceNumbers(topic, 10, 1);
    const seen: number[] = [];
    const start = () =>
      startDelayedConsumer({
        ...base(topic),
        dueAtMs: due,
        now: () => nowMs,
        handle: async (batch) => {
          for (const record of batch) expect(due(record)).toBeLessThanOrEqual(nowMs);
          seen.push(...batch.map(numberOf));
        },
      });
    const first = await start();
    await until('held', () => first.health().held === 10);
    nowMs = 4;
    await until('the first four', () => seen.length >= 4);
    expect(seen).toEqual([1, 2, 3, 4]);
    await first.stop();
    const second = keep(await start());
    await until('held again', () => second.health().held === 6);
    expect(seen).toEqual([1, 2, 3, 4]);
    nowMs = 10;
    await until('all', () => seen.length >= 10);
    expect(seen).toEqual(numbers(10, 1));
    await until('committed', () => committedSum(second) === 10n);
  });

  it('does not let a partition that is full of far records keep another from being read', async () => {
    const far = await aTopic();
    const near = await aTopic();
    const far_ms = 1_000_000;
    await produceNumbers(far, 300, far_ms);
    const seen: number[] = [];
    const consumer = keep(
      await startDelayedConsumer({
        ...base(far),
        topics: [far, near],
        maxHeldRecords: 100,
        dueAtMs: due,
        now: () => 5000,
        handle: async (batch) => void seen.push(...batch.map(numberOf)),
      }),
    );
    await until('far is full', () => consumer.health().held === 50);
    await produceNumbers(near, 300, 1);
    await until('near is handed over', () => seen.length === 300);
    expect(seen).toEqual(numbers(300, 1));
    expect(consumer.health().held).toBe(50);
  });

  it('brings a rejected batch again', async () => {
    const topic = await aTopic();
    await produceNumbers(topic, 3);
    let tries = 0;
    const consumer = keep(
      await startDelayedConsumer({
        ...base(topic),
        dueAtMs: () => Number.NaN,
        now: () => 0,
        handle: async () => {
          if (++tries < 3) throw new Error('not yet');
        },
      }),
    );
    await until('committed', () => committedSum(consumer) === 3n);
    expect(tries).toBe(3);
  });
});
