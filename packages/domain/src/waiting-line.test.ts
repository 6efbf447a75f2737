import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WaitingLine } from './waiting-line.js';

interface Waiter {
  id: number;
  ahead: boolean;
}

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add' as const), ahead: fc.boolean() }),
    fc.record({ do: fc.constant('takeFirst' as const) }),
    fc.record({ do: fc.constant('delete' as const), which: fc.nat() }),
  ),
  { maxLength: 60 },
);

describe('WaitingLine', () => {
  it('has at any time the order of a list, with those ahead in front', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const line = new WaitingLine<Waiter>();
        let expected: Waiter[] = [];
        let ids = 0;
        for (const step of all) {
          if (step.do === 'add') {
            const waiter = { id: (ids += 1), ahead: step.ahead };
            line.add(waiter, waiter);
            expected = [
              ...expected.filter(({ ahead }) => ahead),
              ...(step.ahead ? [waiter] : []),
              ...expected.filter(({ ahead }) => !ahead),
              ...(step.ahead ? [] : [waiter]),
            ];
          } else if (expected.length > 0) {
            const gone = step.do === 'takeFirst' ? line.first! : expected[step.which % expected.length]!;
            expect(line.has(gone)).toBe(true);
            expect(line.delete(gone)).toBe(true);
            expect([line.has(gone), line.delete(gone)]).toEqual([false, false]);
            expected = expected.filter((waiter) => waiter !== gone);
          }
          expect(line.first).toBe(expected[0]);
          expect(line.size).toBe(expected.length);
          expect(line.fromTheEnd()).toEqual(expected.toReversed());
        }
      }),
    );
  });

  it('lets one that went away come again, at the end', () => {
    const line = new WaitingLine<string>();
    for (const one of ['a', 'b']) line.add(one, { ahead: false });
    line.delete('a');
    line.add('a', { ahead: false });
    expect(line.fromTheEnd()).toEqual(['a', 'b']);
  });
});
