import type { Delivery } from '@dits/contracts';
import { replayOf, type IncomingRecord } from '@dits/kafka';
import { LRUCache } from 'lru-cache';

// At 2,000 deliveries a second the last 25 s, longer than it takes a group to settle after a death; about 10 MB.
const CAPACITY = 50_000;

/**
 * The records of `dits.deliveries` that this process is done with, so that a copy is not attempted again.
 *
 * A dispatcher or retrier that dies leaves records behind that were handled and not committed. Whoever comes next handles them
 * again, and each then has a next step of its own: without this every copy would go through the whole schedule.
 */
export class RecentRecords {
  private readonly keys: LRUCache<string, true>;

  constructor(capacity = CAPACITY) {
    this.keys = new LRUCache({ max: capacity });
  }

  /**
   * True for a copy of a record that is done: of one that was put off, while it is put off as often; of one whose attempt was made, also
   * when the copy was put off meanwhile. One that somebody has put back on purpose is none.
   */
  has(delivery: Delivery, record: IncomingRecord): boolean {
    const attempt = attemptOf(delivery, record);
    return this.keys.has(attempt) || this.keys.has(`${attempt}/${delivery.deferrals}`);
  }

  /** The record is done: its log entry and its next step are durable. */
  add(delivery: Delivery, record: IncomingRecord, { isPutOff }: { isPutOff: boolean }): void {
    const attempt = attemptOf(delivery, record);
    this.keys.set(isPutOff ? `${attempt}/${delivery.deferrals}` : attempt, true);
  }
}

function attemptOf(delivery: Delivery, record: IncomingRecord): string {
  const { delivery_id, attempt, redelivered_at_ms } = delivery;
  return `${delivery_id}/${attempt}/${redelivered_at_ms ?? ''}/${replayOf(record) ?? ''}`;
}
