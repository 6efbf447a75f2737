import { describe, expect, it } from '@jest/globals';
import { parseRetryAfter } from './retry-after.js';

const nowMs = Date.UTC(2026, 10, 25, 9, 0, 0);

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['007', 7_000],
    ['Wed, 25 Nov 2026 09:00:30 GMT', 30_000],
    ['Wednesday, 25-Nov-26 09:00:30 GMT', 30_000],
    ['Wed Nov 25 09:00:30 2026', 30_000],
    ['Sat Dec  5 09:00:00 2026', 10 * 86_400_000],
    ['Wed, 25 Nov 2026 08:00:00 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ])('reads %j as %i ms', (text, ms) => {
    expect(parseRetryAfter(text, nowMs)).toBe(ms);
  });

  it.each([
    undefined,
    '',
    '-5',
    '1.5',
    '1e3',
    '5 s',
    'soon',
    '120, 60',
    '2026-11-25T09:00:30Z',
    'Wed, 25 Nov 2026 09:00:30',
    'Wed, 25 Nov 2026 09:00:30 CET',
    'Wed, 99 Nov 2026 09:00:30 GMT',
    'Wed, 25 Nov 2026 29:00:30 GMT',
  ])('ignores %j', (text) => {
    expect(parseRetryAfter(text, nowMs)).toBeNull();
  });
});
