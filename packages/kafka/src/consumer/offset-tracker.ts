import { Fifo } from '../fifo.js';

/** A record that was taken; hand it back to {@link OffsetTracker.complete}. */
export interface TakenOffset {
  readonly offset: bigint;
  /** Time of the record, ms since 1970. */
  readonly timestampMs: number;
  completed: boolean;
}

/**
 * Which offset of one partition may be committed while its records complete in any order.
 *
 * A record goes through these states:
 * ```
 *                take               complete             all before it are completed
 *   (not taken) ------> unfinished ----------> completed ----------------------------> passed
 * ```
 * - not taken: its offset is `position` or higher.
 * - unfinished: somebody works on it. Nothing at or beyond it is committable.
 * - completed: done, but an earlier one is unfinished.
 * - passed: below `committable`, forgotten here.
 *
 * Always `start <= committable <= position`, and `committable` never falls. Offsets that hold no record (compaction,
 * transaction markers) are passed along with their neighbours. One tracker serves one assignment: after the
 * partition was lost, completions reach a tracker nobody commits from any more.
 */
export class OffsetTracker {
  private nextOffset: bigint;
  // And not passed, in order.
  private readonly taken = new Fifo<TakenOffset>();

  /** @param start offset of the first record to be taken */
  constructor(start: bigint) {
    this.nextOffset = start;
  }

  /** Offset that is to be taken next. */
  get position(): bigint {
    return this.nextOffset;
  }

  /** Offset a new member may start from: everything below it is completed. */
  get committable(): bigint {
    return this.taken.first?.offset ?? this.nextOffset;
  }

  /** Time of the first record that is not completed, ms since 1970; null when all that were taken are. */
  get unfinishedSinceMs(): number | null {
    return this.taken.first?.timestampMs ?? null;
  }

  /** A record was taken. Throws an `Error` when its offset is below `position`. */
  take(offset: bigint, timestampMs = 0): TakenOffset {
    if (offset < this.nextOffset)
      throw new Error(`offset ${offset} was taken before; next is ${this.nextOffset}`);
    const taken = { offset, timestampMs, completed: false };
    this.taken.push(taken);
    this.nextOffset = offset + 1n;
    return taken;
  }

  /** Passes over offsets that hold no record. */
  skipTo(offset: bigint): void {
    if (offset > this.nextOffset) this.nextOffset = offset;
  }

  /** A taken record is done with. A second call changes nothing. */
  complete(taken: TakenOffset): void {
    taken.completed = true;
    while (this.taken.first?.completed) this.taken.shift();
  }
}
