import type { PartitionBounds } from '../offset-queries.js';

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

  /** Resolves when all partitions are applied up to their ends. A partition that holds nothing needs no reading. */
  untilReached(ends: PartitionBounds[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const open = new Map(
        ends.filter(({ low, high }) => low < high).map((end) => [end.partition, end.high]),
      );
      const stop = (): void => {
        this.waiting.delete(look);
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const look = (): void => {
        for (const [partition, end] of open) {
          if ((this.next.get(partition) ?? -1n) >= end) open.delete(partition);
        }
        if (open.size === 0) stop();
      };
      this.waiting.add(look);
      signal.addEventListener('abort', stop, { once: true });
      look();
    });
  }
}
