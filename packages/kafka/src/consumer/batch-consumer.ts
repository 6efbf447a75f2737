import { settledWithin } from '../backoff.js';
import type { IncomingRecord } from '../records.js';
import type { ConsumerOptions, RunningConsumer } from './consumer-options.js';
import { handleUntilDone } from './handle-until-done.js';
import { HeldQueue } from './held-queue.js';
import { DRAIN_MS, intakeFor } from './start-intake.js';
import { WakeUp } from './wake-up.js';

/** Options of {@link startBatchConsumer}. */
export interface BatchConsumerOptions extends ConsumerOptions {
  /** Default 500. */
  maxBatchRecords?: number;
  /** Called with one batch at a time. `signal` aborts when a stop has waited for `drainMs`. */
  handle(batch: IncomingRecord[], context: { signal: AbortSignal }): Promise<void>;
}

// Of six partitions each may hold 6,666. Half of them bridges the 200 ms in which a fetch of the others may wait, at 8,000 records a
// second, and the other half takes an answer whole, which has 2,600 events when they are compressed.
const MAX_HELD_RECORDS = 40_000;

/**
 * Starts a consumer with one loop over everything queued from all partitions: up to `maxBatchRecords` are handled,
 * marked complete, then the next. The order within a partition is kept, and each has its share of the batch and of the caps: a crowded
 * one does not hold up the others.
 *
 * A batch whose handler rejects comes again, the same records, after 100 ms doubling to 5 s: never committed, never
 * skipped. Resolves at once; the consumer joins its group by itself, see `health().joined`.
 */
export function startBatchConsumer(options: BatchConsumerOptions): Promise<RunningConsumer> {
  const queue = new HeldQueue();
  const wakeUp = new WakeUp();
  const intake = intakeFor(
    { maxHeldRecords: MAX_HELD_RECORDS, ...options },
    {
      onTaken: (held) => {
        queue.push(held);
        wakeUp.wake();
      },
      onOver: (partition) => {
        for (const held of queue.remove(partition)) intake.release(held);
      },
    },
  );
  const abort = new AbortController();
  let stopping = false;

  const loop = async (): Promise<void> => {
    while (!abort.signal.aborted && !(stopping && queue.isEmpty)) {
      const batch = queue.take(options.maxBatchRecords ?? 500);
      if (batch.length === 0) {
        await wakeUp.wait(60_000);
        continue;
      }
      await handleUntilDone(batch, {
        intake,
        log: options.log,
        groupId: options.groupId,
        signal: abort.signal,
        faultName: () => 'handler',
        handle: async (held) => {
          const records = held.map(({ record }) => record);
          await options.handle(records, { signal: abort.signal });
        },
      });
    }
  };
  intake.start();
  const looping = loop();

  return Promise.resolve({
    health: () => intake.health(),
    stop: async () => {
      stopping = true;
      intake.stopTaking();
      wakeUp.wake();
      await settledWithin(looping, options.drainMs ?? DRAIN_MS);
      abort.abort();
      wakeUp.wake();
      await intake.leave();
    },
  });
}
