/** A partition as one look finds it. */
export interface PartitionFacts {
  /** Everything below it is completed. */
  completed: bigint;
  /** Next offset to be written, as far as committed transactions go. */
  end: bigint;
  /** It has a reason to stand still: its first record is not due, or others have taken all the room. */
  rests: boolean;
}

/** A partition that has not moved though it should, from look to look. */
export interface Standstill {
  completed: bigint;
  /** First look that found it so, ms since 1970. */
  sinceMs: number;
  /** Last look. */
  seenMs: number;
}

/**
 * What is to be remembered of a partition after a look: null when it moves, rests, or has nothing to do.
 *
 * Looks that are more than `maxGapMs` apart prove nothing about the time between (Kafka did not answer, the process
 * was stopped, the clock was set): the count starts anew.
 */
export function standstillAfter(
  before: Standstill | null,
  facts: PartitionFacts,
  { nowMs, maxGapMs }: { nowMs: number; maxGapMs: number },
): Standstill | null {
  const { completed, end, rests } = facts;
  if (rests || end <= completed) return null;
  const gapMs = before ? nowMs - before.seenMs : Infinity;
  const goesOn = before?.completed === completed && gapMs >= 0 && gapMs <= maxGapMs;
  return { completed, sinceMs: goesOn ? before.sinceMs : nowMs, seenMs: nowMs };
}

/** Whether a partition has stood still for too long. */
export function isStalled({ sinceMs, seenMs }: Standstill, limitMs: number): boolean {
  return seenMs - sinceMs >= limitMs;
}
