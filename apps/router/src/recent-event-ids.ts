import { LRUCache } from 'lru-cache';

/** Records of a partition whose event ids are remembered. 5,000: at 500 events/s, a producer's repeat within 10 s. */
export const LOOKBACK_RECORDS = 5_000;

/** The ids of the last events of each partition, so that the same event sent twice is routed once. */
export class RecentEventIds {
  private readonly idsByPartition = new Map<number, LRUCache<string, true>>();

  /** @param capacity most ids kept of one partition; the oldest go first. */
  constructor(private readonly capacity = LOOKBACK_RECORDS) {}

  has(partition: number, eventId: string): boolean {
    return this.idsByPartition.get(partition)?.has(eventId) ?? false;
  }

  /** Remembers an id as the latest of its partition. */
  add(partition: number, eventId: string): void {
    let ids = this.idsByPartition.get(partition);
    if (!ids) this.idsByPartition.set(partition, (ids = new LRUCache({ max: this.capacity })));
    ids.set(eventId, true);
  }
}
