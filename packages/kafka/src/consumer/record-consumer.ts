import { settledWithin } from '../backoff.js';
import type { IncomingRecord } from '../records.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { ConsumerOptions, RunningConsumer } from './consumer-options.js';
import { handleUntilDone } from './handle-until-done.js';
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

/**
 * Starts a consumer that hands over each record as soon as it is taken. They complete in any order; what is committed
 * is the prefix of each partition that is completed without a gap.
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
      faultName: `handler ${topic}/${partition}@${offset}`,
      handle: async () => options.handle(held.record, { signal }),
    }).finally(() => running.delete(done));
    running.add(done);
  };
  const intake = intakeFor(options, {
    onTaken: (held) => held.forEach(run),
    onOver: (partition) => {
      assignments.get(partition)?.abort(new Error('the partition is no longer ours'));
      assignments.delete(partition);
    },
  });
  intake.start();

  return Promise.resolve({
    health: () => intake.health(),
    stop: async () => {
      intake.stopTaking();
      await settledWithin(Promise.all(running), options.drainMs ?? DRAIN_MS);
      for (const over of assignments.values()) over.abort(new Error('the consumer stops'));
      await intake.leave();
    },
  });
}
