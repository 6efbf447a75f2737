import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RateBuckets } from './rate-buckets.js';

const RATE = { perSecond: 2, burst: 4 };

function setUp(maxKeys?: number) {
  const world = { nowMs: 1_000_000 };
  const buckets = new RateBuckets({ now: () => world.nowMs, ...(maxKeys !== undefined && { maxKeys }) });
  const take = (key = 'a') => buckets.take(key, RATE);
  return { world, buckets, take };
}

describe('RateBuckets', () => {
  it('allows a burst, then the rate, and says when the next one is allowed', () => {
    const { world, take } = setUp();
    expect(
      [take(), take(), take(), take()].map(({ isAllowed, remaining }) => [isAllowed, remaining]),
    ).toEqual([
      [true, 3],
      [true, 2],
      [true, 1],
      [true, 0],
    ]);
    expect(take()).toEqual({ isAllowed: false, remaining: 0, retryAfterS: 1, fullAfterS: 2 });
    world.nowMs += 499;
    expect(take().isAllowed).toBe(false);
    world.nowMs += 1;
    expect(take().isAllowed).toBe(true);
    expect(take().isAllowed).toBe(false);
  });

  it('does not punish those who are refused: asking costs nothing', () => {
    const { world, take } = setUp();
    for (let i = 0; i < 100; i++) take();
    world.nowMs += 500;
    expect(take().isAllowed).toBe(true);
  });

  it('has what was used ahead paid back before the next one', () => {
    const { world, buckets, take } = setUp();
    take();
    expect(buckets.charge('a', RATE, 9)).toEqual({
      isAllowed: true,
      remaining: 0,
      retryAfterS: 4,
      fullAfterS: 5,
    });
    world.nowMs += 3_499;
    expect(take()).toMatchObject({ isAllowed: false, retryAfterS: 1 });
    world.nowMs += 1;
    expect(take().isAllowed).toBe(true);
  });

  it('counts each key for itself, and looks without taking', () => {
    const { buckets, take } = setUp();
    for (let i = 0; i < 5; i++) take('a');
    expect(buckets.look('a', RATE).isAllowed).toBe(false);
    expect(buckets.look('b', RATE)).toEqual({ isAllowed: true, remaining: 4, retryAfterS: 0, fullAfterS: 0 });
    expect(take('b').remaining).toBe(3);
  });

  it('keeps no more keys than it may, and drops the one that was used longest ago', () => {
    const { take } = setUp(2);
    for (let i = 0; i < 5; i++) take('a');
    take('b');
    take('a');
    take('c'); // drops b
    expect(take('a').isAllowed).toBe(false);
    expect(take('b').remaining).toBe(3);
  });

  it('survives a clock that is set back', () => {
    const { world, take } = setUp();
    take();
    world.nowMs -= 3_600_000;
    expect(take().remaining).toBe(2);
    world.nowMs += 500;
    expect(take().remaining).toBe(2);
  });

  it('takes a new rate at once', () => {
    const { buckets } = setUp();
    expect(buckets.take('a', { perSecond: 10, burst: 100 }).remaining).toBe(99);
    expect(buckets.take('a', RATE).remaining).toBe(3);
  });

  it('never allows more than the burst and the rate together, whatever comes when', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 200 }), (pausesMs) => {
        const { world, take } = setUp();
        const startMs = world.nowMs;
        let allowed = 0;
        for (const ms of pausesMs) {
          world.nowMs += ms;
          if (take().isAllowed) allowed += 1;
        }
        const passedS = (world.nowMs - startMs) / 1_000;
        expect(allowed).toBeLessThanOrEqual(RATE.burst + RATE.perSecond * passedS + 1e-6);
      }),
    );
  });

  it('answers the throttler in its own terms', async () => {
    const { buckets } = setUp();
    expect(await buckets.increment('a', 2_000, 4)).toEqual({
      totalHits: 1,
      timeToExpire: 1,
      isBlocked: false,
      timeToBlockExpire: 0,
    });
    for (let i = 0; i < 3; i++) await buckets.increment('a', 2_000, 4);
    expect(await buckets.increment('a', 2_000, 4)).toEqual({
      totalHits: 4,
      timeToExpire: 2,
      isBlocked: true,
      timeToBlockExpire: 1,
    });
  });
});
