import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_TIERS, parseTiers } from './schedule.js';

describe('parseTiers', () => {
  it('reads the tiers of the design', () => {
    expect(parseTiers(DEFAULT_RETRY_TIERS)).toEqual([
      { name: '15s', delayMs: 15_000 },
      { name: '1m', delayMs: 60_000 },
      { name: '4m', delayMs: 240_000 },
      { name: '15m', delayMs: 900_000 },
      { name: '1h', delayMs: 3_600_000 },
      { name: '4h', delayMs: 14_400_000 },
      { name: '17h', delayMs: 61_200_000 },
    ]);
  });

  it('reads milliseconds, and spaces after commas', () => {
    expect(parseTiers('200ms, 1s')).toEqual([
      { name: '200ms', delayMs: 200 },
      { name: '1s', delayMs: 1000 },
    ]);
  });

  it.each([
    ['', 'tier "" must be a number with a unit'],
    ['15', 'tier "15" must be a number with a unit'],
    ['1.5m', 'tier "1.5m" must be'],
    ['0s', 'tier "0s" must be'],
    ['1d', 'tier "1d" must be'],
    ['15s,', 'tier "" must be'],
    ['1m,15s', 'tier 15s must be longer than 1m'],
    ['60s,1m', 'tier 1m must be longer than 60s'],
    ['1h,23h', 'less than 23 hours'],
  ])('refuses %j', (text, message) => {
    expect(() => parseTiers(text)).toThrow(message);
  });
});
