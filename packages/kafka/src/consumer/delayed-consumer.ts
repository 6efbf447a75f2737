import { settledWithin } from '../backoff.js';
import { Fifo } from '../fifo.js';
import type { IncomingRecord } from '../records.js';
import { partitionKey, type AssignedPartition } from './assigned-partition.js';
import type { ConsumerHealth, ConsumerOptions, RunningConsumer } from './consumer-options.js';
import { handleUntilDone } from './handle-until-done.js';
import type { HeldRecord } from './intake.js';
import { DRAIN_MS, intakeFor } from './start-intake.js';
import { WakeUp } from './wake-up.js';

/** Options of {@link startDelayedConsumer}. */
export interface DelayedConsumerOptions extends ConsumerOptions {
  /** When the record is due, in ms since 1970. One that cannot be told (NaN, or it throws) is due at once. */
  dueAtMs(record: IncomingRecord): number;
  now(): number;
  /** Default 500. */
  maxBatchRecords?: number;
  /** One batch at a time for each partition. `signal` aborts when a stop has waited for `drainMs`. */
  handle(batch: IncomingRecord[], context: { signal: AbortSignal }): Promise<void>;
}

// The clock may be set, and a timer keeps its own: look again at least this often.
const LOOK_EVERY_MS = 500;
// A record that arrives ends the wait of a fetch; more patience only means fewer fetches in vain, each with all partitions of all tiers.
const MAX_FETCH_WAIT_MS = 600;

/**
 * Starts a consumer that hands over each record when it is due, in order within its partition: a record that is not
 * due holds up those behind it. What waits is never committed, so a restart or a rebalance loses nothing.
 *
 * The caps are divided among the partitions: one full of records that are due tomorrow does not keep the others from
 * being read. While a partition has its share it is paused; that ends with the assignment. A rejected batch comes
 * again after 100 ms doubling to 5 s. Resolves at once; the consumer joins its group by itself.
 */
export function startDelayedConsumer(options: DelayedConsumerOptions): Promise<RunningConsumer> {
  const lanes = new Map<AssignedPartition, Lane>();
  const abort = new AbortController();
  let stopping = false;

  const { maxBatchRecords = 500 } = options;
  const isDue = ({ record }: HeldRecord): boolean => !(dueAtMs(options, record) > options.now());
  const run = async (partition: AssignedPartition, lane: Lane): Promise<void> => {
    const { queue, wakeUp } = lane;
    while (!stopping && !partition.over) {
      const batch: HeldRecord[] = [];
      while (batch.length < maxBatchRecords && queue.first && isDue(queue.first)) batch.push(queue.shift()!);
      if (batch.length === 0) {
        const { first } = queue;
        // An empty one is woken by what comes.
        await wakeUp.wait(first ? waitMs(dueAtMs(options, first.record) - options.now()) : 60_000);
        continue;
      }
      lane.isBusy = true;
      await handleUntilDone(batch, {
        intake,
        log: options.log,
        groupId: options.groupId,
        signal: abort.signal,
        faultName: () => `handler ${partition.topic}/${partition.partition}`,
        handle: async (held) => {
          const records = held.map(({ record }) => record);
          await options.handle(records, { signal: abort.signal });
        },
      });
      lane.isBusy = false;
    }
  };
  const laneOf = (partition: AssignedPartition): Lane => {
    let lane = lanes.get(partition);
    if (!lane) {
      lane = { queue: new Fifo(), wakeUp: new WakeUp(), isBusy: false, running: Promise.resolve() };
      lanes.set(partition, lane);
      lane.running = run(partition, lane);
    }
    return lane;
  };
  const intake = intakeFor(options, {
    maxFetchWaitMs: MAX_FETCH_WAIT_MS,
    onTaken: (held) => {
      const lane = laneOf(held[0]!.partition);
      for (const each of held) lane.queue.push(each);
      lane.wakeUp.wake();
    },
    onOver: (partition) => {
      const lane = lanes.get(partition);
      if (!lane) return;
      for (const held of lane.queue.drain()) intake.release(held);
      lane.wakeUp.wake();
      lanes.delete(partition);
    },
  });
  intake.start();

  const health = (): ConsumerHealth => {
    const found = intake.health();
    const waiting = new Set<string>();
    for (const [{ topic, partition }, { queue, isBusy }] of lanes)
      if (!isBusy && queue.first && !isDue(queue.first)) waiting.add(partitionKey(topic, partition));
    const partitions = found.partitions.map((each) =>
      waiting.has(partitionKey(each.topic, each.partition)) ? { ...each, rests: 'until_due' as const } : each,
    );
    return { ...found, partitions };
  };

  return Promise.resolve({
    health,
    stop: async () => {
      stopping = true;
      intake.stopTaking();
      const running = [...lanes.values()].map((lane) => {
        lane.wakeUp.wake();
        return lane.running;
      });
      await settledWithin(Promise.all(running), options.drainMs ?? DRAIN_MS);
      abort.abort();
      await intake.leave();
    },
  });
}

const waitMs = (dueInMs: number): number => Math.min(Math.max(dueInMs, 1), LOOK_EVERY_MS);

/** What waits of one partition. */
interface Lane {
  queue: Fifo<HeldRecord>;
  wakeUp: WakeUp;
  /** A batch is being handled. */
  isBusy: boolean;
  running: Promise<void>;
}

function dueAtMs(options: DelayedConsumerOptions, record: IncomingRecord): number {
  try {
    return options.dueAtMs(record);
  } catch {
    return Number.NaN;
  }
}
