import { OffsetTracker, type TakenOffset } from './offset-tracker.js';

/** Name of a partition as a key. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/**
 * One partition while it is assigned to us.
 * ```
 *              begin               (fetching <-> paused by the caps)
 *   joining ----------> begun ------------------------------------
 *      ^                  |                                       \  lost, or someone else got further
 *      |  next join,      |                                        v
 *      `--still ours------'                                       over (completions count for nothing)
 * ```
 */
export class AssignedPartition {
  /** False while the starting offset is being asked for. */
  begun = false;
  /** True once the partition is no longer ours; its records are abandoned. */
  over = false;
  /** Fetching is paused because too much is held. */
  full = false;
  held = 0;
  heldBytes = 0;
  /** As far as we know; null when the group has committed nothing. */
  committed: bigint | null = null;
  /** The position at which a fetch brought something else once; see `Intake`. */
  doubtedPosition: bigint | null = null;

  /** Offset of the next record to be taken. */
  position = 0n;

  /** True once it is known where to begin. */
  hasStarted = false;
  /** First offset that counts for commits. */
  start = 0n;

  private tracker = new OffsetTracker(0n);

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  /** Sets where reading begins: records in `[lookbackFrom, start)` are read again, those from `start` on count. */
  beginAt(options: { start: bigint; lookbackFrom: bigint; committed: bigint | null }): void {
    this.hasStarted = true;
    this.start = options.start;
    this.tracker = new OffsetTracker(options.start);
    this.position = options.lookbackFrom;
    this.committed = options.committed;
  }

  /** Everything below it is completed. */
  get committable(): bigint {
    return this.tracker.committable;
  }

  /** Time of the first record that was taken and is not completed, ms since 1970. */
  get unfinishedSinceMs(): number | null {
    return this.tracker.unfinishedSinceMs;
  }

  /** Takes the record at `offset`; null when it is one from before the start, which counts for nothing. */
  take(offset: bigint, timestampMs?: number): TakenOffset | null {
    this.position = offset + 1n;
    return offset < this.start ? null : this.tracker.take(offset, timestampMs);
  }

  /** Passes over offsets that hold no record. */
  skipTo(offset: bigint): void {
    if (offset <= this.position) return;
    this.position = offset;
    this.tracker.skipTo(offset);
  }

  complete(taken: TakenOffset): void {
    this.tracker.complete(taken);
  }
}
