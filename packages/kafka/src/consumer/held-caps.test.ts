import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AssignedPartition } from './assigned-partition.js';
import { HeldCaps } from './held-caps.js';

const twoOf = () => {
  const [a, b] = [0, 1].map((number) => new AssignedPartition('t', number)) as [
    AssignedPartition,
    AssignedPartition,
  ];
  return { a, b, caps: new HeldCaps({ maxHeldRecords: 10, maxHeldBytes: 1_000 }, () => 2) };
};

describe('HeldCaps', () => {
  it('lets a crowded partition fill alone', () => {
    const { a, b, caps } = twoOf();
    for (let i = 0; i < 5; i++) caps.hold(a, 1);
    expect([caps.hasRoom(a, 1), caps.hasRoom(b, 1)]).toEqual([false, true]);
    caps.fill(a);
    expect([a.full, b.full]).toEqual([true, false]);
  });

  it('opens when half of the share is free, and says so once', () => {
    const { a, caps } = twoOf();
    for (let i = 0; i < 5; i++) caps.hold(a, 1);
    caps.fill(a);
    const opened = Array.from({ length: 5 }, () => {
      caps.release(a, 1);
      return caps.reopen(a);
    });
    expect(opened).toEqual([false, false, true, false, false]);
  });

  it('takes a record that is larger than the cap, alone', () => {
    const { a, caps } = twoOf();
    expect(caps.hasRoom(a, 5_000)).toBe(true);
    caps.hold(a, 5_000);
    expect(caps.hasRoom(a, 1)).toBe(false);
  });

  it('never holds more than its share of a partition, but for one large record', () => {
    const records = fc.array(fc.record({ of: fc.nat(1), bytes: fc.nat(900) }), { maxLength: 100 });
    fc.assert(
      fc.property(records, (some) => {
        const { a, b, caps } = twoOf();
        for (const { of, bytes } of some) if (caps.hasRoom([a, b][of]!, bytes)) caps.hold([a, b][of]!, bytes);
        expect(caps.held).toBe(a.held + b.held);
        for (const { held, heldBytes } of [a, b]) {
          expect(held).toBeLessThanOrEqual(5);
          if (held > 1) expect(heldBytes).toBeLessThanOrEqual(500);
        }
      }),
    );
  });
});
