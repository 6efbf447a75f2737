import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { storableText, storableTexts, storableTime } from './storable.js';

const anyText = fc.string({
  unit: fc.constantFrom('a', 'é', '\0', '\ud83d', '\ude00', '\u{1f600}', '\uFFFD'),
});

describe('storableText', () => {
  it('keeps all but NUL and halves of characters, which become U+FFFD', () => {
    expect(storableText('plain é \u{1f600}')).toBe('plain é \u{1f600}');
    expect(storableText('a\0b\ud83dc\ude00')).toBe('a\uFFFDb\uFFFDc\uFFFD');
    fc.assert(
      fc.property(anyText, (text) => {
        const stored = storableText(text);
        expect(stored.isWellFormed()).toBe(true);
        expect(stored).not.toContain('\0');
        expect(stored.length).toBe(text.length);
      }),
    );
  });
});

describe('storableTexts', () => {
  it('is what storableText makes of each name and value', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (texts) => {
        expect(storableTexts(texts)).toEqual(
          Object.fromEntries(
            Object.entries(texts).map(([name, value]) => [storableText(name), storableText(value)]),
          ),
        );
      }),
    );
  });
});

describe('storableTime', () => {
  it('is the time in ISO 8601, whatever was written before', () => {
    const time = fc.integer({ min: -8.64e15, max: 8.64e15 });
    const near = fc.integer({ min: 1_764_000_000_000, max: 1_764_000_003_000 });
    fc.assert(
      fc.property(fc.array(fc.oneof(near, time)), (times) => {
        expect(times.map((ms) => storableTime(ms))).toEqual(times.map((ms) => new Date(ms).toISOString()));
      }),
    );
  });

  it('is null for none, and throws for what is no time', () => {
    expect(storableTime(null)).toBeNull();
    for (const ms of [NaN, Infinity, 8.64e15 + 1]) expect(() => storableTime(ms)).toThrow(RangeError);
  });
});
