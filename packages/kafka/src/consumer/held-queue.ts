import { Fifo } from '../fifo.js';
import type { AssignedPartition } from './assigned-partition.js';
import type { HeldRecord } from './intake.js';

/** Records waiting to be handled, oldest first. */
export class HeldQueue {
  private waiting = new Fifo<HeldRecord>();

  get length(): number {
    return this.waiting.length;
  }

  get first(): HeldRecord | undefined {
    return this.waiting.first;
  }

  push(held: HeldRecord[]): void {
    for (const each of held) this.waiting.push(each);
  }

  /** Takes up to `most` from the front, while `wanted` says so. */
  take(most: number, wanted: (held: HeldRecord) => boolean = () => true): HeldRecord[] {
    const taken: HeldRecord[] = [];
    while (taken.length < most && this.first && wanted(this.first)) taken.push(this.waiting.shift()!);
    return taken;
  }

  /** Takes out everything of a partition. */
  remove(partition: AssignedPartition): HeldRecord[] {
    const all = this.take(Infinity);
    this.push(all.filter((held) => held.partition !== partition));
    return all.filter((held) => held.partition === partition);
  }
}
