import { settledWithin } from '../backoff.js';
import type { IncomingRecord } from '../records.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { ConsumerOptions, RunningConsumer } from './consumer-options.js';
import { handleUntilDone } from './handle-until-done.js';
import { HeldQueue } from './held-queue.js';
import type { HeldRecord } from './intake.js';
import { DRAIN_MS, intakeFor } from './start-intake.js';

/** Options of {@link startRecordConsumer}. */
export interface RecordConsumerOptions extends ConsumerOptions {
  /**
   * Many run at once, up to the held caps. `signal` aborts when a stop has waited for `drainMs`, and when the record's
   * partition is no longer ours: whoever has it now does what is not begun.
   */
  handle(record: IncomingRecord, context: { signal: AbortSignal }): Promise<void>;
}

// Handed over before the event loop looks at its sockets again. A fetch brings a thousand at once: handed over in one go, all that is under
// way would stand still meanwhile, and a thousand requests would be in memory of which the machine serves no more than a few at a time.
const MAX_A_TURN = 32;

/**
 * Starts a consumer that hands over each record as soon as it is taken; of many that come at once, some in each turn of the event loop, the
 * partitions by turns. They complete in any order; what is committed is the prefix of each partition that is completed without a gap.
 *
 * A record whose handler rejects comes again after 100 ms doubling to 5 s; the others go on meanwhile, until the caps
 * are reached. The caps are divided among the partitions, so that a crowded one does not keep the others from being
 * read. Handlers of a lost partition run to their end, and nothing is committed for them. Resolves at once; the
 * consumer joins its group by itself, see `health().joined`.
 */
export function startRecordConsumer(options: RecordConsumerOptions): Promise<RunningConsumer> {
  const assignments = new Map<AssignedPartition, AbortController>();
  const signalOf = (partition: AssignedPartition): AbortSignal => {
    let over = assignments.get(partition);
    if (!over) assignments.set(partition, (over = new AbortController()));
    return over.signal;
  };
  const running = new Set<Promise<void>>();
  const run = (held: HeldRecord): void => {
    const { topic, partition, offset } = held.record;
    const signal = signalOf(held.partition);
    const done = handleUntilDone([held], {
      intake,
      log: options.log,
      groupId: options.groupId,
      signal,
      faultName: () => `handler ${topic}/${partition}@${offset}`,
      handle: () => options.handle(held.record, { signal }),
    }).finally(() => running.delete(done));
    running.add(done);
  };
  const queue = new HeldQueue();
  let nextTurn: NodeJS.Immediate | null = null;
  const handOver = (): void => {
    for (const held of queue.take(MAX_A_TURN)) run(held);
    nextTurn = setImmediate(() => {
      nextTurn = null;
      if (!queue.isEmpty) handOver();
    });
  };
  const intake = intakeFor(options, {
    onTaken: (held) => {
      queue.push(held);
      if (!nextTurn) handOver();
    },
    onOver: (partition) => {
      for (const held of queue.remove(partition)) intake.release(held);
      assignments.get(partition)?.abort(new Error('the partition is no longer ours'));
      assignments.delete(partition);
    },
  });
  intake.start();

  return Promise.resolve({
    health: () => intake.health(),
    stop: async () => {
      intake.stopTaking();
      // Not begun, so not committed: whoever has the partition next does it.
      for (const held of queue.take(Infinity)) intake.release(held);
      await settledWithin(Promise.all(running), options.drainMs ?? DRAIN_MS);
      for (const over of assignments.values()) over.abort(new Error('the consumer stops'));
      await intake.leave();
    },
  });
}
