import type { AssignedPartition } from './assigned-partition.js';

/** Most that may be held, of all partitions together or of each alike. */
export interface CapOptions {
  maxHeldRecords: number;
  maxHeldBytes: number;
  /** Whether the caps are shared by all partitions, or divided among them so that none can starve another. */
  caps: 'shared' | 'divided';
}

/**
 * How much of the records is held, and whether more may be.
 *
 * ```
 *               no room for the next record            half of it is free again
 *   open ------------------------------------> full ----------------------------> open
 * ```
 * One state for all partitions when the caps are shared, one for each when they are divided.
 */
export class HeldCaps {
  held = 0;
  heldBytes = 0;
  private allFull = false;

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

  hasRoom(partition: AssignedPartition, bytes: number): boolean {
    const { held, heldBytes } = this.of(partition);
    // A record larger than the cap must pass too, alone.
    if (held === 0) return true;
    return held < this.maxRecords() && heldBytes + bytes <= this.maxBytes();
  }

  isFull(partition: AssignedPartition): boolean {
    return this.isShared ? this.allFull : partition.full;
  }

  /** There was no room for the next record. */
  fill(partition: AssignedPartition): void {
    this.setFull(partition, true);
  }

  /** Opens what is full once half of it is free, and returns whether it did: resuming takes a moment, which the rest bridges. */
  reopen(partition: AssignedPartition): boolean {
    if (!this.isFull(partition)) return false;
    const { held, heldBytes } = this.of(partition);
    if (held > this.maxRecords() / 2 || heldBytes > this.maxBytes() / 2) return false;
    this.setFull(partition, false);
    return true;
  }

  /** Those that fill and open together with a partition. */
  alike(partition: AssignedPartition, all: Iterable<AssignedPartition>): Iterable<AssignedPartition> {
    return this.isShared ? all : [partition];
  }

  private get isShared(): boolean {
    return this.options.caps === 'shared';
  }

  private get share(): number {
    return this.isShared ? 1 : Math.max(1, this.partitions());
  }

  private of(partition: AssignedPartition): { held: number; heldBytes: number } {
    return this.isShared ? this : partition;
  }

  private maxRecords(): number {
    return Math.max(1, Math.floor(this.options.maxHeldRecords / this.share));
  }

  private maxBytes(): number {
    return this.options.maxHeldBytes / this.share;
  }

  private setFull(partition: AssignedPartition, isFull: boolean): void {
    if (this.isShared) this.allFull = isFull;
    else partition.full = isFull;
  }

  private add(partition: AssignedPartition, records: number, bytes: number): void {
    for (const each of [this, partition]) {
      each.held += records;
      each.heldBytes += bytes;
    }
  }
}
