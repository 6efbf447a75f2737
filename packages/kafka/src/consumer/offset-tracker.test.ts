import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AssignedPartition } from './assigned-partition.js';
import { OffsetTracker, type TakenOffset } from './offset-tracker.js';

/** What happens to a partition: take the next record after a gap, complete one of those taken, pass a gap. */
const steps = fc.array(
  fc.oneof(
    fc.record({ step: fc.constant('take' as const), gap: fc.nat(3) }),
    fc.record({ step: fc.constant('complete' as const), which: fc.nat() }),
    fc.record({ step: fc.constant('skip' as const), gap: fc.nat(5) }),
  ),
  { maxLength: 200 },
);

describe('OffsetTracker', () => {
  it('never lets pass an unfinished record, nor falls back, and passes everything once all is completed', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 60n }), steps, (start, moves) => {
        const tracker = new OffsetTracker(start);
        const unfinished: TakenOffset[] = [];
        let before = tracker.committable;
        for (const move of moves) {
          if (move.step === 'take') unfinished.push(tracker.take(tracker.position + BigInt(move.gap)));
          else if (move.step === 'skip') tracker.skipTo(tracker.position + BigInt(move.gap));
          else if (unfinished.length > 0)
            tracker.complete(unfinished.splice(move.which % unfinished.length, 1)[0]!);

          const lowest = unfinished[0]?.offset ?? tracker.position;
          expect(tracker.committable).toBe(lowest);
          expect(tracker.committable).toBeGreaterThanOrEqual(before);
          before = tracker.committable;
        }
        for (const taken of unfinished) tracker.complete(taken);
        expect(tracker.committable).toBe(tracker.position);
      }),
    );
  });

  it('takes no harm from a record that completes twice', () => {
    const tracker = new OffsetTracker(5n);
    const [first, second] = [tracker.take(5n), tracker.take(6n)];
    tracker.complete(second);
    tracker.complete(second);
    expect(tracker.committable).toBe(5n);
    tracker.complete(first);
    tracker.complete(first);
    expect(tracker.committable).toBe(7n);
  });

  it('refuses an offset that was taken before', () => {
    const tracker = new OffsetTracker(5n);
    tracker.take(8n);
    expect(() => tracker.take(8n)).toThrow('taken before');
  });

  it('stays small and fast when many records pass', () => {
    const tracker = new OffsetTracker(0n);
    for (let offset = 0n; offset < 200_000n; offset++) tracker.complete(tracker.take(offset));
    expect(tracker.committable).toBe(200_000n);
  });
});

describe('OffsetTracker.unfinishedSinceMs', () => {
  it('is the time of the first record that is not completed, whatever is done behind it', () => {
    const tracker = new OffsetTracker(0n);
    expect(tracker.unfinishedSinceMs).toBeNull();
    const [first, second, third] = [tracker.take(0n, 10), tracker.take(1n, 20), tracker.take(2n, 30)];
    tracker.complete(second);
    expect(tracker.unfinishedSinceMs).toBe(10);
    tracker.complete(first);
    expect(tracker.unfinishedSinceMs).toBe(30);
    tracker.complete(third);
    expect(tracker.unfinishedSinceMs).toBeNull();
  });
});

describe('AssignedPartition', () => {
  it('counts no record from before its start', () => {
    const partition = new AssignedPartition('t', 0);
    partition.beginAt({ start: 10n, lookbackFrom: 7n, committed: 10n });
    expect(partition.position).toBe(7n);
    expect(partition.take(7n)).toBeNull();
    expect(partition.take(9n)).toBeNull();
    expect(partition.committable).toBe(10n);
    const taken = partition.take(10n)!;
    expect(partition.position).toBe(11n);
    expect(partition.committable).toBe(10n);
    partition.complete(taken);
    expect(partition.committable).toBe(11n);
  });

  it('passes a gap within the records read back, and one beyond', () => {
    const partition = new AssignedPartition('t', 0);
    partition.beginAt({ start: 10n, lookbackFrom: 5n, committed: 10n });
    partition.skipTo(8n);
    expect([partition.position, partition.committable]).toEqual([8n, 10n]);
    partition.skipTo(15n);
    expect([partition.position, partition.committable]).toEqual([15n, 15n]);
  });

  it('keeps completions of an assignment that is over apart from the next', () => {
    const lost = new AssignedPartition('t', 0);
    lost.beginAt({ start: 0n, lookbackFrom: 0n, committed: null });
    const late = lost.take(0n)!;
    const regained = new AssignedPartition('t', 0);
    regained.beginAt({ start: 0n, lookbackFrom: 0n, committed: null });
    regained.take(0n);
    lost.complete(late);
    expect(regained.committable).toBe(0n);
  });
});
