import type { AssignedPartition } from './assigned-partition.js';
import type { HeldRecord } from './intake.js';

/** Records waiting to be handled, oldest first. */
export class HeldQueue {
  private waiting: HeldRecord[] = [];
  private head = 0;

  get length(): number {
    return this.waiting.length - this.head;
  }

  get first(): HeldRecord | undefined {
    return this.waiting[this.head];
  }

  push(held: HeldRecord[]): void {
    for (const each of held) this.waiting.push(each);
  }

  /** Takes up to `most` from the front, while `wanted` says so. */
  take(most: number, wanted: (held: HeldRecord) => boolean = () => true): HeldRecord[] {
    let end = this.head;
    const last = Math.min(this.waiting.length, this.head + most);
    while (end < last && wanted(this.waiting[end]!)) end++;
    const taken = this.waiting.slice(this.head, end);
    this.head = end;
    if (this.head > 1024 && this.head * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.head);
      this.head = 0;
    }
    return taken;
  }

  /** Takes out everything of a partition. */
  remove(partition: AssignedPartition): HeldRecord[] {
    const rest = this.waiting.slice(this.head);
    this.head = 0;
    this.waiting = rest.filter((held) => held.partition !== partition);
    return rest.filter((held) => held.partition === partition);
  }
}
