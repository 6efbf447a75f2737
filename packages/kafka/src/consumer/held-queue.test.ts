import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AssignedPartition } from './assigned-partition.js';
import { HeldQueue } from './held-queue.js';
import type { HeldRecord } from './intake.js';

const PARTITIONS = 4;
const partitions = Array.from({ length: PARTITIONS }, (_, number) => new AssignedPartition('t', number));
const heldOf = (numbers: number[]) => numbers.map((i) => ({ partition: partitions[i]! }) as HeldRecord);
const countOf = (held: HeldRecord[], number: number): number =>
  held.filter(({ partition }) => partition === partitions[number]).length;

describe('HeldQueue', () => {
  it('hands over everything once, of a partition in order, but what was removed', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({
              step: fc.constant('push' as const),
              of: fc.array(fc.nat(PARTITIONS - 1), { maxLength: 9 }),
            }),
            fc.record({ step: fc.constant('take' as const), most: fc.nat(7) }),
            fc.record({ step: fc.constant('remove' as const), of: fc.nat(PARTITIONS - 1) }),
          ),
        ),
        (moves) => {
          const queue = new HeldQueue();
          const expected = new Map(partitions.map((partition) => [partition, [] as HeldRecord[]]));
          const waiting = () => [...expected.values()].reduce((sum, { length }) => sum + length, 0);
          for (const move of moves) {
            if (move.step === 'push') {
              const held = heldOf(move.of);
              queue.push(held);
              for (const each of held) expected.get(each.partition)!.push(each);
            } else if (move.step === 'take') {
              const most = Math.min(move.most, waiting());
              const taken = queue.take(move.most);
              expect(taken).toHaveLength(most);
              for (const each of taken) expect(each).toBe(expected.get(each.partition)!.shift());
            } else {
              const gone = partitions[move.of]!;
              expect(queue.remove(gone)).toEqual(expected.get(gone)!.splice(0));
            }
            expect(queue.isEmpty).toBe(waiting() === 0);
          }
        },
      ),
    );
  });

  it('gives a crowded partition what the others leave', () => {
    const queue = new HeldQueue();
    queue.push(heldOf([...Array<number>(100).fill(0), 1, ...Array<number>(30).fill(2)]));
    const taken = queue.take(60);
    expect([0, 1, 2].map((number) => countOf(taken, number))).toEqual([30, 1, 29]);
    expect(queue.take(100)).toHaveLength(71);
  });

  it('lets nobody wait for longer than one turn of the others, however small the batches', () => {
    const crowd = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: PARTITIONS, maxLength: PARTITIONS });
    fc.assert(
      fc.property(crowd, fc.integer({ min: 1, max: 9 }), (sizes, most) => {
        const queue = new HeldQueue();
        queue.push(heldOf(sizes.flatMap((size, number) => Array<number>(size).fill(number))));
        // In so many batches each has had a turn.
        const taken = Array.from({ length: Math.ceil(PARTITIONS / most) }, () => queue.take(most)).flat();
        const largest = Math.max(...sizes.map((_, number) => countOf(taken, number)));
        for (const number of sizes.keys()) {
          const count = countOf(taken, number);
          expect(count).toBeGreaterThanOrEqual(Math.min(sizes[number]!, Math.floor(largest / 2)));
        }
      }),
    );
  });
});
