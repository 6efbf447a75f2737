import { settledWithin } from '../backoff.js';
import type { IncomingRecord } from '../records.js';
import type { ConsumerOptions, RunningConsumer } from './consumer-options.js';
import { handleUntilDone } from './handle-until-done.js';
import type { HeldRecord } from './intake.js';
import { DRAIN_MS, intakeFor } from './start-intake.js';

/** Options of {@link startRecordConsumer}. */
export interface RecordConsumerOptions extends ConsumerOptions {
  /** Many run at once, up to the held caps. `signal` aborts when a stop has waited for `drainMs`. */
  handle(record: IncomingRecord, context: { signal: AbortSignal }): Promise<void>;
}

/**
 * Starts a consumer that hands over each record as soon as it is taken. They complete in any order; what is committed
 * is the prefix of each partition that is completed without a gap.
 *
 * A record whose handler rejects comes again after 100 ms doubling to 5 s; the others go on meanwhile, until the caps
 * are reached. Handlers of a lost partition run to their end, and nothing is committed for them. Resolves at once; the
 * consumer joins its group by itself, see `health().joined`.
 */
export function startRecordConsumer(options: RecordConsumerOptions): Promise<RunningConsumer> {
  const abort = new AbortController();
  const running = new Set<Promise<void>>();
  const run = (held: HeldRecord): void => {
    const { topic, partition, offset } = held.record;
    const done = handleUntilDone([held], {
      intake,
      log: options.log,
      groupId: options.groupId,
      signal: abort.signal,
      faultName: `handler ${topic}/${partition}@${offset}`,
      handle: async () => options.handle(held.record, { signal: abort.signal }),
    }).finally(() => running.delete(done));
    running.add(done);
  };
  const intake = intakeFor(options, {
    caps: 'shared',
    onTaken: (held) => held.forEach(run),
    onOver: () => undefined,
  });
  intake.start();

  return Promise.resolve({
    health: () => intake.health(),
    stop: async () => {
      intake.stopTaking();
      await settledWithin(Promise.all(running), options.drainMs ?? DRAIN_MS);
      abort.abort();
      await intake.leave();
    },
  });
}
