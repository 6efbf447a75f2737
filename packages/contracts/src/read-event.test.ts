import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventCatalogue, type AnyEvent } from './catalogue.js';
import { bundledSchemas } from './generated/schemas.gen.js';
import { checkDecodedEvent, readEvent, type ReadEventResult } from './read-event.js';
import { avroType } from './record-types.js';

const catalogue = new EventCatalogue(bundledSchemas);
const defaults = {
  eventId: () => '019abf5e-7a00-7000-8000-00000000abcd',
  occurredAt: () => '2026-11-25T09:00:00.000Z',
};
const read = (json: unknown): ReadEventResult => readEvent(json, catalogue, defaults);
const problemsOf = (json: unknown): string[] => {
  const result = read(json);
  return result.kind === 'problems' ? result.problems.map(({ path, message }) => `${path}: ${message}`) : [];
};

/** The payload of the seed page, word for word. */
const seedPush = {
  event: 'push',
  repository: { id: 123, name: 'my-project', full_name: 'user/my-project', private: false },
  sender: { id: 456, login: 'octocat', type: 'user' },
  commits: [
    {
      id: 'abc123...',
      message: 'Add new footage',
      author: { name: 'Octocat', email: 'octocat@example.com' },
    },
  ],
  head_commit: { id: 'abc123...', message: 'Add new footage' },
};
const withRepository = (change: object): object => ({
  ...seedPush,
  repository: { ...seedPush.repository, ...change },
});

describe('readEvent', () => {
  it("takes the seed's example as it stands and gives it an id and a time", () => {
    const result = read(seedPush);
    expect(result).toMatchObject({
      kind: 'event',
      type: { event: 'push' },
      event: {
        event_id: defaults.eventId(),
        occurred_at: defaults.occurredAt(),
        head_commit: { id: 'abc123...' },
      },
    });
  });

  it.each(catalogue.all.map((type) => [type.event, type] as const))(
    'takes the example of %s and Avro can carry it',
    (_, type) => {
      const result = read(type.example);
      if (result.kind !== 'event') throw new Error(JSON.stringify(result));
      const decoded = type.type.fromBuffer(type.type.toBuffer(result.event)) as unknown;
      expect(decoded).toEqual(result.event);
    },
  );

  it.each([
    ['a list', [], ': must be an object'],
    ['no event', {}, 'event: is required'],
    ['a number for the event', { event: 7 }, 'event: must be a string'],
    ['a missing field', withRepository({ id: undefined }), 'repository.id: is required'],
    ['null in a required field', withRepository({ name: null }), 'repository.name: is required'],
    [
      'text for a number',
      withRepository({ id: '123' }),
      'repository.id: must be an integer within ±(2^53-1)',
    ],
    ['a fraction', withRepository({ id: 1.5 }), 'repository.id: must be an integer within ±(2^53-1)'],
    ['2^53', withRepository({ id: 2 ** 53 }), 'repository.id: must be an integer within ±(2^53-1)'],
    [
      'a literal that rounds',
      JSON.parse(JSON.stringify(seedPush).replace('123,', '9007199254740993,')),
      'repository.id: must be an integer within ±(2^53-1)',
    ],
    ['a negative id', withRepository({ id: -1 }), 'repository.id: must not be negative'],
    ['a typo', withRepository({ fullname: 'x' }), 'repository.fullname: is not a field of this event'],
    [
      'a prototype key',
      JSON.parse('{"__proto__": 1, "event": "repo.created"}'),
      '__proto__: is not a field of this event',
    ],
    [
      'a lone surrogate',
      withRepository({ name: '\ud800' }),
      'repository.name: must be well-formed Unicode (it holds a lone surrogate)',
    ],
    [
      'an item of a list',
      { ...seedPush, commits: [seedPush.commits[0], { id: 'x' }] },
      'commits[1].message: is required',
    ],
    ['an object for a list', { ...seedPush, commits: {} }, 'commits: must be a list'],
    ['a bad id', { ...seedPush, event_id: 'x' }, 'event_id: must be a UUID in lower case'],
    [
      'a bad time',
      { ...seedPush, occurred_at: 'yesterday' },
      'occurred_at: must be an RFC 3339 time such as 2026-11-25T09:12:14Z',
    ],
    [
      'a month 13',
      { ...seedPush, occurred_at: '2026-13-25T09:12:14Z' },
      'occurred_at: must be an RFC 3339 time such as 2026-11-25T09:12:14Z',
    ],
  ])('names the path of %s', (_, json, problem) => {
    expect(problemsOf(json)).toContain(problem);
  });

  it.each([0, 1, 2 ** 31, 2 ** 52, 2 ** 53 - 1])('carries the id %d exactly', (id) => {
    const result = read(withRepository({ id }));
    if (result.kind !== 'event') throw new Error(JSON.stringify(result));
    const decoded = result.type.type.fromBuffer(result.type.type.toBuffer(result.event)) as {
      repository: { id: number };
    };
    expect(decoded.repository.id).toBe(id);
  });

  it('takes true, numbers and text in changed settings', () => {
    const changes = [
      { field: 'a', from: true, to: 5 },
      { field: 'b', to: 'x' },
    ];
    const { repository, sender } = seedPush;
    expect(read({ event: 'repo.updated', repository, sender, changes })).toMatchObject({
      kind: 'event',
      event: {
        changes: [
          { from: true, to: 5 },
          { from: null, to: 'x' },
        ],
      },
    });
  });

  it('takes an upper-case event id and keeps it in lower case', () => {
    expect(read({ ...seedPush, event_id: '019ABF5E-7A00-7000-8000-00000000ABCD' })).toMatchObject({
      event: { event_id: '019abf5e-7a00-7000-8000-00000000abcd' },
    });
  });

  it('stops at twenty problems', () => {
    expect(problemsOf({ ...seedPush, commits: Array.from({ length: 5000 }, () => ({})) })).toHaveLength(20);
  });

  it('never throws, whatever JSON it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...catalogue.all.map((t) => t.event)), (json, event) => {
        const input =
          typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json, event } : json;
        expect(['event', 'problems']).toContain(read(input).kind);
      }),
    );
  });
});

describe('checkDecodedEvent', () => {
  const transferred = catalogue.find('repo.transferred')!;
  const decoded = (change: object) => {
    const result = read(transferred.example);
    if (result.kind !== 'event') throw new Error('the example is no event');
    return { ...result.event, ...change };
  };

  it('finds what Avro lets through, with its path', () => {
    const change = { event_id: 'no', occurred_at: 'yesterday', from: { login: 'a', id: -7, type: 'user' } };
    expect(checkDecodedEvent(decoded(change), transferred.type)).toEqual([
      { path: 'from.id', message: 'must not be negative' },
      { path: 'event_id', message: 'must be a UUID in lower case' },
      { path: 'occurred_at', message: 'must be an RFC 3339 time such as 2026-11-25T09:12:14Z' },
    ]);
  });

  it('looks into lists and optional records', () => {
    const type = avroType({
      type: 'record',
      name: 'T',
      fields: [
        {
          name: 'list',
          type: {
            type: 'array',
            items: { type: 'record', name: 'U', fields: [{ name: 'id', type: 'long' }] },
          },
        },
        { name: 'one', type: ['null', 'U'] },
        { name: 'other', type: ['null', 'U'] },
      ],
    });
    const value = { list: [{ id: 1 }, { id: -1 }], one: { id: -2 }, other: null } as unknown as AnyEvent;
    expect(checkDecodedEvent(value, type).map(({ path }) => path)).toEqual(['list[1].id', 'one.id']);
  });

  it.each(catalogue.all.map((type) => [type.event, type] as const))(
    'has nothing to say about the example of %s',
    (_, type) => {
      const result = read(type.example);
      if (result.kind !== 'event') throw new Error('the example is no event');
      expect(
        checkDecodedEvent(type.type.fromBuffer(type.type.toBuffer(result.event)) as AnyEvent, type.type),
      ).toEqual([]);
    },
  );
});
