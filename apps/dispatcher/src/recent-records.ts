import type { Delivery } from '@dits/contracts';
import { replayOf, type IncomingRecord } from '@dits/kafka';

// At 2,000 deliveries a second the last 25 s, longer than it takes a group to settle after a death; about 10 MB.
const CAPACITY = 50_000;

/**
 * The records of `dits.deliveries` that this process is done with, so that a copy is not attempted again.
 *
 * A dispatcher or retrier that dies leaves records behind that were handled and not committed. Whoever comes next handles them
 * again, and each then has a next step of its own: without this every copy would go through the whole schedule.
 */
export class RecentRecords {
  private readonly keys = new Set<string>();

  constructor(private readonly capacity = CAPACITY) {}

  /** True for a copy of a record that is done. One that somebody has put back on purpose is none. */
  has(delivery: Delivery, record: IncomingRecord): boolean {
    return this.keys.has(keyOf(delivery, record));
  }

  /** The record is done: its log entry and its next step are durable. */
  add(delivery: Delivery, record: IncomingRecord): void {
    this.keys.add(keyOf(delivery, record));
    if (this.keys.size > this.capacity) this.keys.delete(this.keys.values().next().value!);
  }
}

function keyOf(delivery: Delivery, record: IncomingRecord): string {
  const { delivery_id, attempt, deferrals, redelivered_at_ms } = delivery;
  return `${delivery_id}/${attempt}/${deferrals}/${redelivered_at_ms ?? ''}/${replayOf(record) ?? ''}`;
}
