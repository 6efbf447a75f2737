import type { AssignedPartition } from './assigned-partition.js';
import type { ConsumerOptions } from './consumer-options.js';
import { Intake, type HeldRecord } from './intake.js';

/** An intake with the defaults of {@link ConsumerOptions}. */
export function intakeFor(
  options: ConsumerOptions,
  rest: {
    onTaken(held: HeldRecord[]): void;
    onOver(partition: AssignedPartition): void;
    maxFetchWaitMs?: number;
  },
): Intake {
  return new Intake({
    kafka: options.kafka,
    log: options.log,
    groupId: () => options.groupId,
    topics: options.topics,
    maxHeldRecords: options.maxHeldRecords ?? 5000,
    maxHeldBytes: options.maxHeldBytes ?? 64 * 1024 * 1024,
    lookbackRecords: options.lookbackRecords ?? 0,
    minFetchBytes: options.minFetchBytes ?? 1,
    maxFetchWaitMs: MAX_FETCH_WAIT_MS,
    maxPauseMs: options.maxPauseMs ?? MAX_PAUSE_MS,
    commits: true,
    now: Date.now,
    ...rest,
  });
}

/** How long a fetch waits for records when there are none. */
export const MAX_FETCH_WAIT_MS = 200;

/** Default of `maxPauseMs`. */
export const MAX_PAUSE_MS = 50;

/** Default of `drainMs`. */
export const DRAIN_MS = 10_000;
