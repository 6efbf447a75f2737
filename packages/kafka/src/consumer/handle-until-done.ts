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
  faultName(): string;
  handle(records: HeldRecord[]): Promise<void>;
}

/**
 * Has records handled: again and again, 100 ms to 5 s apart, until it succeeds, their partitions are lost, or the
 * consumer stops. They count as completed only when the handler resolved.
 */
export async function handleUntilDone(records: HeldRecord[], options: HandleOptions): Promise<void> {
  try {
    await options.handle(records);
  } catch (error) {
    return handleAgain(records, options, error);
  }
  for (const held of records) options.intake.complete(held);
}

/** By itself, since thousands wait for their first end and hardly any for this one. */
async function handleAgain(
  records: HeldRecord[],
  options: HandleOptions,
  firstError: unknown,
): Promise<void> {
  const { intake, log, groupId, signal } = options;
  const faultName = options.faultName();
  const backoff = new Backoff(100, 5000);
  let rest = records;
  let error = firstError;
  for (let tries = 1; !signal.aborted; tries++) {
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
    if (rest.length === 0) break;
    try {
      await options.handle(rest);
      for (const held of rest) intake.complete(held);
      rest = [];
      break;
    } catch (another) {
      error = another;
    }
  }
  intake.faults.clear(faultName);
  for (const held of rest) intake.release(held);
}
