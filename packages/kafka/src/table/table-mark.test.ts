import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromMark, toMark } from './table-mark.js';

it('reads back what it wrote', () => {
  const ends = fc.array(
    fc.record({ partition: fc.nat(100_000), offset: fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }) }),
  );
  fc.assert(fc.property(ends, (some) => expect(fromMark(toMark(some))).toEqual(some)));
});

it.each(['x', '0', '0:', ':1', '0:1,', '-1:2', '0:-2', '0:1e3', '1:2;3:4', ' 0:1'])(
  'does not read %j',
  (mark) => {
    expect(fromMark(mark)).toBeNull();
  },
);
