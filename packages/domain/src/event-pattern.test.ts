import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { matchesPattern, patternsOf } from './event-pattern.js';

describe('matchesPattern', () => {
  it.each([
    ['push', 'push', true],
    ['push', 'push.tag', false],
    ['push', 'push.force', false],
    ['push.*', 'push.tag', true],
    ['push.*', 'push.force', true],
    ['push.*', 'push', false],
    ['push.*', 'pushes.tag', false],
    ['repo.*', 'push.tag', false],
    ['push.tag', 'push.tag', true],
    ['push.tag', 'push', false],
    ['*', 'push', true],
    ['*', 'lock.acquired', true],
  ])('%s takes %s: %s', (pattern, event, taken) => {
    expect(matchesPattern(pattern, event)).toBe(taken);
  });

  it('takes exactly the events whose patterns are listed', () => {
    const name = fc.array(fc.constantFrom('push', 'tag', 'repo', 'a'), { minLength: 1, maxLength: 3 });
    const event = name.map((parts) => parts.join('.'));
    const pattern = fc.oneof(
      event,
      event.map((e) => `${e}.*`),
      fc.constant('*'),
    );
    fc.assert(
      fc.property(pattern, event, (p, e) => {
        expect(patternsOf(e).includes(p)).toBe(matchesPattern(p, e));
      }),
    );
  });
});
