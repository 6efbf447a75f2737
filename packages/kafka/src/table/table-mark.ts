import type { PartitionEnd } from './applied-offsets.js';

/**
 * Writes down how far a topic went (`0:42,1:7`), to be carried to another process that follows the topic too. Left out are
 * partitions that hold nothing.
 */
export function toMark(ends: readonly PartitionEnd[]): string {
  return ends.map(({ partition, offset }) => `${partition}:${offset}`).join(',');
}

/** Reads what {@link toMark} wrote; null when it is something else. */
export function fromMark(mark: string): PartitionEnd[] | null {
  if (mark === '') return [];
  const ends: PartitionEnd[] = [];
  for (const part of mark.split(',')) {
    const [, partition, offset] = /^(\d{1,9}):(\d{1,18})$/.exec(part) ?? [];
    if (partition === undefined || offset === undefined) return null;
    ends.push({ partition: Number(partition), offset: BigInt(offset) });
  }
  return ends;
}
