/** Everything of a partition before `offset`. */
export interface PartitionEnd {
  partition: number;
  offset: bigint;
}

/** How far each partition of one topic was applied, and who waits for it to get further. */
export class AppliedOffsets {
  private readonly next = new Map<number, bigint>();
  private readonly waiting = new Set<() => void>();

  /** Everything below `offset` is applied. */
  reached(partition: number, offset: bigint): void {
    if (this.next.get(partition) === offset) return;
    this.next.set(partition, offset);
    for (const look of this.waiting) look();
  }

  /** Whether all partitions are applied up to their ends. */
  hasReached(ends: PartitionEnd[]): boolean {
    return ends.every(({ partition, offset }) => (this.next.get(partition) ?? -1n) >= offset);
  }

  /** Resolves when {@link hasReached} says so, or the signal aborts. */
  untilReached(ends: PartitionEnd[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        this.waiting.delete(look);
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const look = (): void => {
        if (this.hasReached(ends)) stop();
      };
      this.waiting.add(look);
      signal.addEventListener('abort', stop, { once: true });
      look();
    });
  }
}
