import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AssignedPartition } from './assigned-partition.js';
import { HeldCaps, type CapOptions } from './held-caps.js';

const OPTIONS: CapOptions = { maxHeldRecords: 10, maxHeldBytes: 1_000, caps: 'divided' };
const twoOf = (options: Partial<CapOptions> = {}) => {
  const [a, b] = [0, 1].map((number) => new AssignedPartition('t', number)) as [
    AssignedPartition,
    AssignedPartition,
  ];
  return { a, b, caps: new HeldCaps({ ...OPTIONS, ...options }, () => 2) };
};

describe('HeldCaps', () => {
  it('lets a crowded partition fill alone when they are divided', () => {
    const { a, b, caps } = twoOf();
    for (let i = 0; i < 5; i++) caps.hold(a, 1);
    expect([caps.hasRoom(a, 1), caps.hasRoom(b, 1)]).toEqual([false, true]);
    caps.fill(a);
    expect([caps.isFull(a), caps.isFull(b)]).toEqual([true, false]);
    expect([...caps.alike(a, [a, b])]).toEqual([a]);
  });

  it('fills all of them when they are shared', () => {
    const { a, b, caps } = twoOf({ caps: 'shared' });
    for (let i = 0; i < 10; i++) caps.hold(a, 1);
    caps.fill(a);
    expect([caps.hasRoom(b, 1), caps.isFull(b)]).toEqual([false, true]);
    expect([...caps.alike(a, [a, b])]).toEqual([a, b]);
  });

  it('opens when half is free, and says so once', () => {
    const { a, caps } = twoOf({ caps: 'shared' });
    for (let i = 0; i < 10; i++) caps.hold(a, 1);
    caps.fill(a);
    const opened = Array.from({ length: 7 }, () => {
      caps.release(a, 1);
      return caps.reopen(a);
    });
    expect(opened).toEqual([false, false, false, false, true, false, false]);
  });

  it('takes a record that is larger than the cap, alone', () => {
    const { a, caps } = twoOf();
    expect(caps.hasRoom(a, 5_000)).toBe(true);
    caps.hold(a, 5_000);
    expect(caps.hasRoom(a, 1)).toBe(false);
  });

  it('never holds more than the caps, but for one large record', () => {
    const records = fc.array(fc.record({ of: fc.nat(1), bytes: fc.nat(900) }), { maxLength: 100 });
    fc.assert(
      fc.property(records, fc.constantFrom('shared' as const, 'divided' as const), (some, kind) => {
        const { a, b, caps } = twoOf({ caps: kind });
        for (const { of, bytes } of some) if (caps.hasRoom([a, b][of]!, bytes)) caps.hold([a, b][of]!, bytes);
        expect(caps.held).toBe(a.held + b.held);
        for (const { held, heldBytes } of kind === 'shared' ? [caps] : [a, b]) {
          expect(held).toBeLessThanOrEqual(kind === 'shared' ? 10 : 5);
          if (held > 1) expect(heldBytes).toBeLessThanOrEqual(kind === 'shared' ? 1_000 : 500);
        }
      }),
    );
  });
});
