import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RateLimit } from './rate-limit.js';

it('lets no more through within any second than the rate and its burst, however they come', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { minLength: 1, maxLength: 300 }),
      (rate, gapsMs) => {
        const limit = new RateLimit(rate, 0);
        const taken: number[] = [];
        let nowMs = 0;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          if (limit.waitMs(nowMs) > 0) continue;
          limit.take(nowMs);
          taken.push(nowMs);
        }
        const most = rate + Math.max(1, rate * 0.05) + 1e-6;
        for (const [i, from] of taken.entries()) {
          const within = taken.slice(i).filter((at) => at < from + 1000).length;
          expect(within).toBeLessThanOrEqual(most);
        }
      },
    ),
  );
});

it('lets one through exactly when it said it would', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 50 }), (rate, requests) => {
      const limit = new RateLimit(rate, 0);
      let nowMs = 0;
      for (let i = 0; i < requests; i++) {
        nowMs += limit.waitMs(nowMs);
        expect(limit.waitMs(nowMs)).toBe(0);
        limit.take(nowMs);
      }
    }),
  );
});

it('tells those behind how long they wait', () => {
  const limit = new RateLimit(10, 0);
  limit.take(0);
  expect(limit.waitMs(0)).toBeCloseTo(100);
  expect(limit.waitMs(0, 9)).toBeCloseTo(1000);
  expect(limit.isFull(0)).toBe(false);
  expect(limit.isFull(100)).toBe(true);
});

it('takes a change of the rate at once, and a clock that is set back for no time', () => {
  const limit = new RateLimit(1, 10_000);
  limit.take(10_000);
  limit.set(100);
  expect(limit.waitMs(10_000)).toBeCloseTo(10);
  expect(limit.waitMs(5_000)).toBeCloseTo(10);
});
