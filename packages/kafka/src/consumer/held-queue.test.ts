import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AssignedPartition } from './assigned-partition.js';
import { HeldQueue } from './held-queue.js';
import type { HeldRecord } from './intake.js';

it('hands over everything once, in order, but what was removed', () => {
  const partitions = [new AssignedPartition('t', 0), new AssignedPartition('t', 1)];
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({ step: fc.constant('push' as const), of: fc.array(fc.nat(1), { maxLength: 5 }) }),
          fc.record({ step: fc.constant('take' as const), most: fc.nat(7) }),
          fc.record({ step: fc.constant('remove' as const), of: fc.nat(1) }),
        ),
      ),
      (moves) => {
        const queue = new HeldQueue();
        let expected: HeldRecord[] = [];
        for (const move of moves) {
          if (move.step === 'push') {
            const held = move.of.map((i) => ({ partition: partitions[i]! }) as HeldRecord);
            queue.push(held);
            expected.push(...held);
          } else if (move.step === 'take') {
            expect(queue.take(move.most)).toEqual(expected.splice(0, move.most));
          } else {
            const gone = partitions[move.of]!;
            expect(queue.remove(gone)).toEqual(expected.filter(({ partition }) => partition === gone));
            expected = expected.filter(({ partition }) => partition !== gone);
          }
          expect(queue.length).toBe(expected.length);
          expect(queue.first).toBe(expected[0]);
        }
      },
    ),
  );
});
