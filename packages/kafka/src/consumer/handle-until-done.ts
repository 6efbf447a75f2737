import { Backoff, sleep } from '../backoff.js';
import { errorText } from '../error-text.js';
import type { Log } from '../log.js';
import type { HeldRecord, Intake } from './intake.js';

export interface HandleOptions {
  intake: Intake;
  log: Log;
  groupId: string;
  /** Ends the retries; what is not done then stays uncommitted. */
  signal: AbortSignal;
  /** Names the fault while it lasts. */
  faultName: string;
  handle(records: HeldRecord[]): Promise<void>;
}

/**
 * Has records handled: again and again, 100 ms to 5 s apart, until it succeeds, their partitions are lost, or the
 * consumer stops. They count as completed only when the handler resolved.
 */
export async function handleUntilDone(records: HeldRecord[], options: HandleOptions): Promise<void> {
  const { intake, log, groupId, signal, faultName } = options;
  const backoff = new Backoff(100, 5000);
  let rest = records;
  for (let tries = 1; rest.length > 0; tries++) {
    try {
      await options.handle(rest);
      for (const held of rest) intake.complete(held);
      rest = [];
    } catch (error) {
      if (signal.aborted) break;
      intake.faults.set(faultName);
      const waitMs = backoff.next();
      const { topic, partition, offset } = rest[0]!.record;
      log.warn(
        {
          group: groupId,
          topic,
          partition,
          offset: `${offset}`,
          records: rest.length,
          tries,
          error: errorText(error),
          retry_in_ms: waitMs,
        },
        'kafka.consumer.handler_rejected',
      );
      await sleep(waitMs, signal);
      if (signal.aborted) break;
      for (const held of rest) if (held.partition.over) intake.release(held);
      rest = rest.filter((held) => !held.partition.over);
    }
  }
  intake.faults.clear(faultName);
  for (const held of rest) intake.release(held);
}
