import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from './fifo.js';

it('gives back everything once, in order, and keeps nothing of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(2_000), fc.integer({ min: -2_000, max: -1 })), { maxLength: 20 }),
      (moves) => {
        const queue = new Fifo<{ n: number }>();
        const expected: { n: number }[] = [];
        for (const move of moves) {
          for (let n = 0; n < move; n++) {
            const item = { n };
            queue.push(item);
            expected.push(item);
          }
          for (let n = 0; n > move; n--) expect(queue.shift()).toBe(expected.shift());
          expect(queue.length).toBe(expected.length);
          expect(queue.first).toBe(expected[0]);
          const { items } = queue as unknown as { items: unknown[] };
          expect(items.filter((item) => item !== undefined)).toHaveLength(expected.length);
          expect(items.length).toBeLessThanOrEqual(2 * expected.length + 1_025);
        }
      },
    ),
  );
});
