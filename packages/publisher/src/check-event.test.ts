import { describe, expect, it } from '@jest/globals';
import { bundledSchemas, EventCatalogue, type Problem } from '@dits/contracts';
import { checkAll, checkOne, withName } from './check-event.js';
import { InvalidEventError } from './errors.js';

const nowMs = Date.UTC(2026, 10, 25, 9, 12, 14);
const deps = {
  catalogue: new EventCatalogue(bundledSchemas),
  now: () => nowMs,
  newEventId: () => '019abf5e-7a00-7000-8000-000000000001',
};
const aPush = {
  event: 'push',
  repository: { id: 123, name: 'my-project', full_name: 'user/my-project', private: false },
  sender: { id: 456, login: 'octocat', type: 'user' },
  commits: [{ id: 'abc123', message: 'Add', author: { name: 'Octocat', email: 'octocat@example.com' } }],
};

function problemsOf(check: () => unknown): readonly Problem[] {
  try {
    check();
  } catch (error) {
    if (error instanceof InvalidEventError) return error.problems;
    throw error;
  }
  throw new Error('nothing was wrong');
}

describe('checkOne', () => {
  it('fills in the id and the time that are absent', () => {
    expect(checkOne(aPush, deps)).toMatchObject({
      acceptedAtMs: nowMs,
      jsonBytes: JSON.stringify(aPush).length,
      event: { event_id: deps.newEventId(), occurred_at: '2026-11-25T09:12:14.000Z' },
    });
  });

  it('has the headers of the trace that the caller is in, and no others', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const inTrace = (headers: Record<string, string>) =>
      checkOne(aPush, { ...deps, traceHeaders: () => headers }).headers;
    expect(inTrace({ traceparent, tracestate: 'a=b', baggage: 'x=y' })).toEqual({
      traceparent,
      tracestate: 'a=b',
    });
    expect(inTrace({ tracestate: 'a=b' })).toEqual({});
    expect(checkOne(aPush, deps).headers).toEqual({});
  });

  it('takes a copy: what the caller changes later is not sent', () => {
    const mine = structuredClone(aPush);
    const { event } = checkOne(mine, deps);
    mine.repository.name = 'changed';
    expect(event.repository.name).toBe('my-project');
  });

  it.each<[string, unknown, Problem]>([
    ['no object', 7, { path: '', message: 'must be an object' }],
    ['a field that is missing', { ...aPush, sender: undefined }, { path: 'sender', message: 'is required' }],
    [
      'a field of the wrong type',
      { ...aPush, commits: [{ ...aPush.commits[0], id: 7 }] },
      { path: 'commits[0].id', message: 'must be a string' },
    ],
    ['a typo', { ...aPush, head: 1 }, { path: 'head', message: 'is not a field of this event' }],
    [
      'a number that receivers would round',
      { ...aPush, repository: { ...aPush.repository, id: 2 ** 53 } },
      { path: 'repository.id', message: 'must be an integer within ±(2^53-1)' },
    ],
    [
      'a text that is not Unicode',
      { ...aPush, ref: 'refs/heads/\ud83c' },
      { path: 'ref', message: 'must be well-formed Unicode (it holds a lone surrogate)' },
    ],
  ])('names the field: %s', (_, event, problem) => {
    expect(problemsOf(() => checkOne(event, deps))).toContainEqual(problem);
  });

  it('takes 1 MiB of JSON and not a byte more', () => {
    const room = 1_048_576 - Buffer.byteLength(JSON.stringify({ ...aPush, ref: '' }));
    const sized = (bytes: number) => ({ ...aPush, ref: 'é'.repeat(bytes >> 1) + 'e'.repeat(bytes & 1) });
    expect(checkOne(sized(room), deps).jsonBytes).toBe(1_048_576);
    expect(problemsOf(() => checkOne(sized(room + 1), deps))).toEqual([
      { path: '', message: 'is larger than 1048576 bytes as JSON (it has 1048577)' },
    ]);
  });

  it('says in its message what is wrong, where, and how much more', () => {
    expect(() => checkOne({ event: 'push' }, deps)).toThrow(
      'nothing was sent: repository is required (and 2 more)',
    );
  });
});

describe('checkAll', () => {
  it('names the event of the list', () => {
    expect(problemsOf(() => checkAll([aPush, { ...aPush, commits: 1 }], deps))).toEqual([
      { path: 'events[1].commits', message: 'must be a list' },
    ]);
    expect(problemsOf(() => checkAll([null], deps))).toEqual([
      { path: 'events[0]', message: 'must be an object' },
    ]);
    expect(problemsOf(() => checkAll(aPush as never, deps))).toEqual([
      { path: 'events', message: 'must be a list of events' },
    ]);
  });
});

describe('withName', () => {
  it('refuses an event of another type, and what is no event', () => {
    expect(problemsOf(() => withName('push.tag', aPush))).toMatchObject([{ path: 'event' }]);
    expect(problemsOf(() => withName('push', null))).toMatchObject([{ message: 'must be an object' }]);
    expect(withName('push', aPush)).toEqual(aPush);
  });
});
