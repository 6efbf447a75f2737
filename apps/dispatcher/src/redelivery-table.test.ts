import { describe, expect, it } from '@jest/globals';
import { RedeliveryTable } from './redelivery-table.js';

const DAY_MS = 86_400_000;

describe('RedeliveryTable', () => {
  it('keeps the newest of a delivery, in whatever order they come', () => {
    const table = new RedeliveryTable(() => 0);
    for (const atMs of [5, 7, 6]) table.apply('a', atMs);
    expect([table.newestOf('a'), table.newestOf('b')]).toEqual([7, undefined]);
  });

  it('forgets what no waiting record can belong to any more, and nothing else', () => {
    let nowMs = 0;
    const table = new RedeliveryTable(() => nowMs);
    table.apply('old', 0);
    table.apply('asked for again', 1);
    table.apply('young', DAY_MS);
    table.apply('asked for again', 2 * DAY_MS);
    nowMs = 7 * DAY_MS + 1;
    table.apply('new', nowMs);
    expect(['old', 'young', 'asked for again', 'new'].map((id) => table.newestOf(id))).toEqual([
      undefined,
      DAY_MS,
      2 * DAY_MS,
      nowMs,
    ]);
    expect(table.size).toBe(3);
  });
});
