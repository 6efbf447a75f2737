import { Fifo } from '../fifo.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { HeldRecord } from './intake.js';

/**
 * Records waiting to be handled: those of a partition in their order, the partitions in turn. So what waits in a crowded one does
 * not hold up the others.
 */
export class HeldQueue {
  /** Those in which something waits; whose turn it is comes first. */
  private readonly partitions = new Map<AssignedPartition, Fifo<HeldRecord>>();

  get isEmpty(): boolean {
    return this.partitions.size === 0;
  }

  push(held: HeldRecord[]): void {
    for (const each of held) {
      let waiting = this.partitions.get(each.partition);
      if (!waiting) this.partitions.set(each.partition, (waiting = new Fifo()));
      waiting.push(each);
    }
  }

  /** Takes up to `most`, of each partition about as many; what one does not need of its share is there for the others. */
  take(most: number): HeldRecord[] {
    const taken: HeldRecord[] = [];
    while (taken.length < most && !this.isEmpty) {
      const share = Math.max(1, Math.floor((most - taken.length) / this.partitions.size));
      for (const [partition, waiting] of [...this.partitions]) {
        const upTo = Math.min(most, taken.length + share);
        while (taken.length < upTo && waiting.first) taken.push(waiting.shift()!);
        // To the end of the line.
        this.partitions.delete(partition);
        if (waiting.first) this.partitions.set(partition, waiting);
        if (taken.length === most) break;
      }
    }
    return taken;
  }

  /** Takes out everything of a partition. */
  remove(partition: AssignedPartition): HeldRecord[] {
    const waiting = this.partitions.get(partition);
    this.partitions.delete(partition);
    return waiting?.drain() ?? [];
  }
}
