import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isStalled, standstillAfter, type PartitionFacts, type Standstill } from './standstill.js';

const MAX_GAP_MS = 30;
const facts = (o: Partial<PartitionFacts> = {}): PartitionFacts => ({
  completed: 5n,
  end: 9n,
  rests: false,
  ...o,
});

/** What is known after looks at these times. */
function after(looks: [atMs: number, facts: PartitionFacts][]): Standstill | null {
  return looks.reduce<Standstill | null>(
    (before, [nowMs, found]) => standstillAfter(before, found, { nowMs, maxGapMs: MAX_GAP_MS }),
    null,
  );
}

describe('a partition', () => {
  it('stands still since the first look that found it so', () => {
    const still = after([
      [100, facts({ completed: 4n })],
      [110, facts()],
      [120, facts()],
      [140, facts({ end: 12n })],
    ]);
    expect(still).toEqual({ completed: 5n, sinceMs: 110, seenMs: 140 });
    expect([isStalled(still!, 30), isStalled(still!, 31)]).toEqual([true, false]);
  });

  it.each([
    ['it moves', [110, facts({ completed: 6n })]],
    ['nothing waits', [110, facts({ end: 5n })]],
    ['its head is not due', [110, facts({ rests: true })]],
    ['nobody has looked for long', [100 + MAX_GAP_MS + 1, facts()]],
    ['the clock was set back', [99, facts()]],
  ] satisfies [string, [number, PartitionFacts]][])('does not when %s', (_, look) => {
    const still = after([[100, facts()], look]);
    expect(still === null || still.sinceMs === look[0]).toBe(true);
  });

  it('is never called stalled before it has been seen at one offset, with records behind it, for the whole limit', () => {
    const look = fc.record({
      gapMs: fc.integer({ min: 1, max: 40 }),
      completed: fc.integer({ min: 0, max: 2 }),
      waiting: fc.integer({ min: 0, max: 2 }),
      rests: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 12 }), fc.integer({ min: 1, max: 60 }), (looks, limitMs) => {
        let nowMs = 0;
        let still: Standstill | null = null;
        const seen: { nowMs: number; gapMs: number; facts: PartitionFacts }[] = [];
        for (const { gapMs, completed, waiting, rests } of looks) {
          nowMs += gapMs;
          const found = { completed: BigInt(completed), end: BigInt(completed + waiting), rests };
          seen.push({ nowMs, gapMs, facts: found });
          still = standstillAfter(still, found, { nowMs, maxGapMs: MAX_GAP_MS });
          // The looks back to the last one that found it otherwise, none too far from the next.
          const run = seen.slice(
            1 +
              seen.findLastIndex(
                (each, i) =>
                  each.facts.completed !== found.completed ||
                  each.facts.end <= each.facts.completed ||
                  each.facts.rests ||
                  (seen[i + 1]?.gapMs ?? 0) > MAX_GAP_MS,
              ),
          );
          const stoodMs = run.length === 0 ? -1 : nowMs - run[0]!.nowMs;
          expect(still !== null && isStalled(still, limitMs)).toBe(stoodMs >= limitMs);
        }
      }),
    );
  });
});
