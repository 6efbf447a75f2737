// No record lives longer on dits.deliveries and the tiers (infra/kafka/topics.yaml), so none older can be met.
const KEEP_MS = 7 * 86_400_000;

/** When deliveries were last asked for again while an attempt of theirs waited, as `dits.redeliveries` has it. */
export class RedeliveryTable {
  /** Delivery id to ms since 1970, in the order of arrival. */
  private readonly newest = new Map<string, number>();

  constructor(private readonly now: () => number) {}

  /** Number of deliveries known. */
  get size(): number {
    return this.newest.size;
  }

  /** Takes in a record; an older one than that which is held changes nothing. Forgets what is older than seven days. */
  apply(deliveryId: string, redeliveredAtMs: number): void {
    const held = this.newest.get(deliveryId);
    if (held === undefined || held < redeliveredAtMs) {
      this.newest.delete(deliveryId);
      this.newest.set(deliveryId, redeliveredAtMs);
    }
    for (const [id, atMs] of this.newest) {
      if (atMs >= this.now() - KEEP_MS) break;
      this.newest.delete(id);
    }
  }

  /** When the delivery was last asked for again, ms since 1970. */
  newestOf(deliveryId: string): number | undefined {
    return this.newest.get(deliveryId);
  }
}
