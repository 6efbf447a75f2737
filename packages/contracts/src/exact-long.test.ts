import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PoisonRecordError } from './errors.js';
import { avroType } from './record-types.js';

const type = avroType({
  type: 'record',
  name: 'R',
  namespace: 't',
  doc: '',
  fields: [{ name: 'n', type: ['null', 'long', 'string'] }],
});
const roundTrip = (n: number): number => (type.fromBuffer(type.toBuffer({ n })) as { n: number }).n;

it('carries every integer within ±(2^53-1), also inside a union', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (n) => {
      expect(roundTrip(n)).toBe(n === 0 ? 0 : n);
    }),
    { examples: [[2 ** 53 - 1], [-(2 ** 53 - 1)], [2 ** 31], [2 ** 32], [-(2 ** 32)], [2 ** 52], [0], [-1]] },
  );
});

it.each([2 ** 53, 1.5, NaN, Infinity])('refuses to write %d', (n) => {
  expect(() => type.toBuffer({ n })).toThrow();
});

it('calls a longer one poison when it reads it', () => {
  const wide = Buffer.from([2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]); // branch 1, zig-zag of 2^53 * 2
  expect(() => type.fromBuffer(wide)).toThrow(PoisonRecordError);
});
