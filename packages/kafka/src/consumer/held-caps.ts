import type { AssignedPartition } from './assigned-partition.js';

/** Most that may be held, of all partitions together. */
export interface CapOptions {
  maxHeldRecords: number;
  maxHeldBytes: number;
}

/**
 * How much of the records is held, and whether more may be. The caps are divided among the partitions, so that none can starve
 * another. Of each:
 *
 * ```
 *               no room for the next record            half of it is free again
 *   open ------------------------------------> full ----------------------------> open
 * ```
 */
export class HeldCaps {
  held = 0;
  heldBytes = 0;

  /** @param partitions how many there are to divide the caps among. */
  constructor(
    private readonly options: CapOptions,
    private readonly partitions: () => number,
  ) {}

  hold(partition: AssignedPartition, bytes: number): void {
    this.add(partition, 1, bytes);
  }

  release(partition: AssignedPartition, bytes: number): void {
    this.add(partition, -1, -bytes);
  }

  hasRoom({ held, heldBytes }: AssignedPartition, bytes: number): boolean {
    // A record larger than the cap must pass too, alone.
    if (held === 0) return true;
    return held < this.maxRecords() && heldBytes + bytes <= this.maxBytes();
  }

  /** There was no room for the next record. */
  fill(partition: AssignedPartition): void {
    partition.full = true;
  }

  /** Opens a partition that is full once half of its share is free, and returns whether it did: resuming takes a moment, which the rest bridges. */
  reopen(partition: AssignedPartition): boolean {
    const { full, held, heldBytes } = partition;
    if (!full || held > this.maxRecords() / 2 || heldBytes > this.maxBytes() / 2) return false;
    partition.full = false;
    return true;
  }

  private get share(): number {
    return Math.max(1, this.partitions());
  }

  private maxRecords(): number {
    return Math.max(1, Math.floor(this.options.maxHeldRecords / this.share));
  }

  private maxBytes(): number {
    return this.options.maxHeldBytes / this.share;
  }

  private add(partition: AssignedPartition, records: number, bytes: number): void {
    for (const each of [this, partition]) {
      each.held += records;
      each.heldBytes += bytes;
    }
  }
}
