import { KafkaFault } from '@dits/contracts';
import { randomUUID } from 'node:crypto';
import { settledWithin, sleep } from '../backoff.js';
import type { KafkaConnection } from '../connection.js';
import type { ConsumerHealth } from '../consumer/consumer-options.js';
import { handleUntilDone } from '../consumer/handle-until-done.js';
import { HeldQueue } from '../consumer/held-queue.js';
import { Intake, type HeldRecord } from '../consumer/intake.js';
import { MAX_FETCH_WAIT_MS, MAX_PAUSE_MS } from '../consumer/start-intake.js';
import { WakeUp } from '../consumer/wake-up.js';
import type { Log } from '../log.js';
import { OffsetQueries } from '../offset-queries.js';
import type { IncomingRecord } from '../records.js';
import { AppliedOffsets, type PartitionEnd } from './applied-offsets.js';
import { SharedRequest } from './shared-request.js';
import { fromMark, toMark } from './table-mark.js';

/** Options of {@link startTopicTable}. */
export interface TopicTableOptions {
  kafka: KafkaConnection;
  log: Log;
  topic: string;
  /** Begins the id of the group; a part that makes it unique is added. Nothing is committed under it. */
  groupId: string;
  /**
   * Called for each record, in order within a partition, again from the start of the topic when the topic was made
   * anew. A promise is awaited before the next record. One that throws or rejects is called again with the same record
   * (100 ms to 5 s apart), and the table waits: a record that cannot be read must be passed over here.
   */
  apply(record: IncomingRecord): void | Promise<void>;
  /** How long `catchUp` may take. Default 10,000 ms. */
  catchUpTimeoutMs?: number;
  /** Gives up starting: `startTopicTable` rejects. */
  signal?: AbortSignal;
}

/** A compacted topic, read whole and followed. */
export interface TopicTable {
  /**
   * Asks the end offsets now and resolves when everything before them is applied: whatever was durable before the
   * call. Calls that wait for the same question share it; a question sent before the call is never used. Resolves to a
   * mark of how far that is, for {@link catchUpTo} of another process. Rejects with {@link KafkaFault}; the caller tries again.
   *
   * @param maxAgeMs What was durable so long before the call is enough; then mostly nothing is asked. Default 0.
   */
  catchUp(maxAgeMs?: number): Promise<string>;
  /**
   * Resolves when everything before a mark is applied, mostly at once: nothing is asked. A mark that can't be read is
   * as none: then it does what `catchUp` does.
   */
  catchUpTo(mark: string): Promise<void>;
  stop(): Promise<void>;
  /** As a consumer's; `position` is the next offset to be applied. */
  health(): ConsumerHealth;
}

/**
 * Reads the whole of a topic and follows it. Resolves when it has read to the end offsets seen at the start, however
 * long Kafka is away. Rejects with {@link KafkaFault} only when `signal` aborts.
 */
export async function startTopicTable(options: TopicTableOptions): Promise<TopicTable> {
  const { log, topic } = options;
  const applied = new AppliedOffsets();
  const queue = new HeldQueue();
  const wakeUp = new WakeUp();
  const offsets = new OffsetQueries(options.kafka);
  const abort = new AbortController();
  const unique = randomUUID().slice(0, 8);
  const intake = new Intake({
    kafka: options.kafka,
    log,
    // A new group at each attempt: a member of ours that died would keep partitions until its session ends.
    groupId: (attempt) => `${options.groupId}-${unique}-${attempt}`,
    topics: [topic],
    maxHeldRecords: 5000,
    maxHeldBytes: 64 * 1024 * 1024,
    lookbackRecords: 0,
    minFetchBytes: 1,
    maxFetchWaitMs: MAX_FETCH_WAIT_MS,
    maxPauseMs: MAX_PAUSE_MS,
    commits: false,
    now: Date.now,
    onTaken: (held) => {
      queue.push(held);
      wakeUp.wake();
    },
    onOver: (partition) => {
      for (const held of queue.remove(partition)) intake.release(held);
    },
    onProgress: () => reportApplied(),
  });

  // Everything below a partition's `committable` was taken and applied, or holds no record.
  const reportApplied = (): void => {
    for (const { partition, offset } of intake.completed()) applied.reached(partition, offset);
  };
  const apply = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      const batch = queue.take(500);
      if (batch.length === 0) {
        await wakeUp.wait(60_000);
        continue;
      }
      await handleUntilDone(batch, {
        intake,
        log,
        groupId: options.groupId,
        signal: abort.signal,
        faultName: () => 'apply',
        handle: (held) => applyInOrder(options, held),
      });
      reportApplied();
    }
  };
  const ends = new SharedRequest(
    (): Promise<PartitionEnd[]> => offsets.ends(topic),
    () => performance.now(),
  );
  const timeoutMs = options.catchUpTimeoutMs ?? 10_000;
  const within = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const stop = new AbortController();
    const working = work(stop.signal);
    if (await settledWithin(working, timeoutMs)) return working;
    stop.abort();
    throw new KafkaFault(`the table of ${topic} did not catch up within ${timeoutMs} ms`);
  };
  const catchUp = (maxAgeMs = 0): Promise<string> =>
    within(async (signal) => {
      const known = await ends.ask(maxAgeMs);
      if (!applied.hasReached(known)) await applied.untilReached(known, signal);
      return toMark(known);
    });
  const catchUpTo = async (mark: string): Promise<void> => {
    const known = fromMark(mark);
    if (known === null) await catchUp();
    else if (!applied.hasReached(known)) await within((signal) => applied.untilReached(known, signal));
  };

  intake.start();
  const applying = apply();
  const table: TopicTable = {
    catchUp,
    catchUpTo,
    health: () => ({
      ...intake.health(),
      partitions: intake.completed().map(({ partition, offset }) => ({
        topic,
        partition,
        position: offset,
        committed: null,
        unfinishedSinceMs: null,
        completed: offset,
        rests: null,
      })),
    }),
    stop: async () => {
      abort.abort();
      wakeUp.wake();
      await applying;
      await intake.leave();
      await offsets.close();
    },
  };
  await untilCaughtUp(table, options);
  return table;
}

async function applyInOrder(table: Pick<TopicTableOptions, 'apply'>, held: HeldRecord[]): Promise<void> {
  for (const { record } of held) {
    const applying = table.apply(record);
    // Most are synchronous; awaiting each would cost a turn of the microtask queue.
    if (applying) await applying;
  }
}

async function untilCaughtUp(table: TopicTable, { signal, log, topic }: TopicTableOptions): Promise<void> {
  while (!signal?.aborted) {
    try {
      await table.catchUp();
      return;
    } catch (error) {
      if (!(error instanceof KafkaFault)) throw error;
      log.warn({ topic, error: error.message }, 'kafka.table.not_read_yet');
      await sleep(500, signal);
    }
  }
  await table.stop();
  throw new KafkaFault(`starting the table of ${topic} was given up`);
}
