import { bundledSchemas, EventCatalogue, PoisonRecordError, type AnyEvent } from '@dits/contracts';
import { arbitraryEvent } from '@dits/contracts/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildBody } from './build-body.js';

const catalogue = new EventCatalogue(bundledSchemas);

interface Body {
  commits: { id: string; message: string }[];
  head_commit?: { id: string; message: string; added?: string[]; modified?: string[]; removed?: string[] };
  total_commits?: number;
  commits_truncated?: boolean;
  [field: string]: unknown;
}

function aPush(over: Record<string, unknown> = {}): AnyEvent {
  return {
    repository: { id: 123, name: 'reel', full_name: 'user/reel', private: false, owner: null } as never,
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [],
    head_commit: null,
    ref: 'refs/heads/main',
    forced: null,
    total_commits: null,
    commits_truncated: null,
    compare_url: 'https://dits.io/c',
    event_id: '019abf5e-7a00-7000-8000-000000000001',
    occurred_at: '2026-11-25T09:12:14.000Z',
    ...over,
  };
}

function commitsOf(count: number, message = 'Add new footage'): { id: string; message: string; url: null }[] {
  return Array.from({ length: count }, (_, i) => ({ id: `commit-${i}`, message, url: null }));
}

function built(record: AnyEvent, o?: { maxBytes?: number }): { bytes: Buffer; body: Body } {
  const bytes = buildBody('push', record, o);
  return { bytes, body: JSON.parse(bytes.toString()) as Body };
}

describe('buildBody', () => {
  it.each(catalogue.all.map((type) => [type.event, type] as const))(
    'makes the committed example of %s from its event',
    (event, { example, type }) => {
      const { event: _, ...record } = example;
      const decoded = type.fromBuffer(
        type.toBuffer(type.clone(record, { coerceBuffers: true, wrapUnions: false })),
      );
      expect(buildBody(event, decoded as AnyEvent).toString()).toBe(JSON.stringify(example));
    },
  );

  it('orders event, repository, sender, own fields, event_id, occurred_at, whatever the order of the record', () => {
    const { event_id, occurred_at, sender, repository, ...own } = aPush();
    const { body } = built({ event_id, occurred_at, ...own, sender, repository });
    expect(Object.keys(body)).toEqual([
      'event',
      'repository',
      'sender',
      'commits',
      'ref',
      'compare_url',
      'event_id',
      'occurred_at',
    ]);
  });

  it('leaves out what is null, at any depth', () => {
    const { bytes } = built(aPush({ commits: commitsOf(1) }));
    expect(bytes.toString()).not.toContain('null');
    expect(bytes.toString()).toContain('"commits":[{"id":"commit-0","message":"Add new footage"}]');
  });

  it('is a fixed point of JSON.stringify(JSON.parse()) for any event', () => {
    fc.assert(
      fc.property(arbitraryEvent(), ({ name, event }) => {
        const body = buildBody(name, event);
        expect(JSON.stringify(JSON.parse(body.toString()))).toBe(body.toString());
        expect(body.toString().isWellFormed()).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps every event within the limit, valid and a fixed point', () => {
    fc.assert(
      fc.property(
        arbitraryEvent({ maxItems: 30, maxTextLength: 3000 }),
        fc.integer({ min: 2500, max: 20_000 }),
        ({ name, event }, maxBytes) => {
          const bytes = buildBody(name, event, { maxBytes });
          const body = JSON.parse(bytes.toString()) as Body;
          expect(bytes.length).toBeLessThanOrEqual(maxBytes);
          expect(JSON.stringify(body)).toBe(bytes.toString());
          expect(bytes.toString().isWellFormed()).toBe(true);
          expect(body).toMatchObject({
            event: name,
            event_id: event.event_id,
            occurred_at: event.occurred_at,
          });
          expect('head_commit' in body).toBe(event.head_commit != null);
          const commits = (event.commits ?? []) as { id: string }[];
          if ((body.commits?.length ?? 0) < commits.length) {
            expect(body.commits_truncated).toBe(true);
            expect(body.total_commits).toBeGreaterThanOrEqual(commits.length);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

it.each([1, 2, 64, 65, 200])('has %i commits as the record has them, without what is null', (count) => {
  const commits = commitsOf(count, 'é🎬"\n');
  const { bytes } = built(aPush({ commits }));
  const expected = {
    event: 'push',
    repository: { id: 123, name: 'reel', full_name: 'user/reel', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: commits.map(({ id, message }) => ({ id, message })),
    ref: 'refs/heads/main',
    compare_url: 'https://dits.io/c',
    event_id: '019abf5e-7a00-7000-8000-000000000001',
    occurred_at: '2026-11-25T09:12:14.000Z',
  };
  expect(bytes.toString()).toBe(JSON.stringify(expected));
});

describe('a push that is too large', () => {
  it('loses commits from the old end and says so, each field in its place', () => {
    const { bytes, body } = built(aPush({ commits: commitsOf(10_000) }));
    expect(bytes.length).toBeLessThanOrEqual(100_000);
    // Not a commit more would fit.
    expect(bytes.length).toBeGreaterThan(100_000 - 60);
    expect(body.commits.at(-1)?.id).toBe('commit-9999');
    expect(body.commits[0]?.id).toBe(`commit-${10_000 - body.commits.length}`);
    expect(body).toMatchObject({ commits_truncated: true, total_commits: 10_000 });
    expect(Object.keys(body)).toEqual([
      'event',
      'repository',
      'sender',
      'commits',
      'ref',
      'total_commits',
      'commits_truncated',
      'compare_url',
      'event_id',
      'occurred_at',
    ]);
  });

  it.each([
    [12_000, 12_000],
    [3, 10_000],
  ])('says total_commits of %i given by the producer as %i', (given, said) => {
    const { body } = built(aPush({ commits: commitsOf(10_000), total_commits: given }));
    expect(body.total_commits).toBe(said);
  });

  it.each([2, 64, 100])('is left alone at exactly the limit (%i commits)', (count) => {
    const record = aPush({ commits: commitsOf(count, 'é🎬"\n') });
    const whole = built(record).bytes;
    expect(built(record, { maxBytes: whole.length }).bytes.equals(whole)).toBe(true);
    const cut = built(record, { maxBytes: whole.length - 1 });
    expect(cut.body.commits_truncated).toBe(true);
    expect(cut.body.commits.length).toBeLessThan(count);
  });

  it('has no commit left when the newest alone does not fit, and keeps head_commit whole', () => {
    const head_commit = { id: 'commit-0', message: 'x'.repeat(60_000) };
    const { body } = built(aPush({ commits: commitsOf(1, 'x'.repeat(60_000)), head_commit }));
    expect(body).toMatchObject({ commits: [], commits_truncated: true, total_commits: 1, head_commit });
  });

  it('loses file names of head_commit from the last list on, never its message', () => {
    const names = Array.from({ length: 3_000 }, (_, i) => `footage/take-${i}.mov`);
    const head_commit = { id: 'h', message: 'Import', added: names, modified: names, removed: names };
    const { bytes, body } = built(aPush({ head_commit }));
    expect(bytes.length).toBeLessThanOrEqual(100_000);
    expect(body.head_commit).toMatchObject({ id: 'h', message: 'Import', added: names, removed: [] });
    expect(body.head_commit?.modified).toEqual(names.slice(0, body.head_commit?.modified?.length));
    expect(body.commits_truncated).toBeUndefined();
  });

  it('cuts a huge message of head_commit on a code point, and nothing else', () => {
    const head_commit = { id: 'h', message: `a${'🎬'.repeat(50_000)}`, author: { name: 'O', email: 'o@e' } };
    const { bytes, body } = built(aPush({ head_commit }));
    expect(bytes.length).toBeLessThanOrEqual(100_000);
    expect(bytes.length).toBeGreaterThan(99_990);
    expect(body.head_commit?.message).toMatch(/^a(🎬)+$/u);
    expect(body).toMatchObject({
      ref: 'refs/heads/main',
      head_commit: { id: 'h', author: { email: 'o@e' } },
    });
  });

  it('looks at no more of 10,000 large commits than fit', () => {
    let read = 0;
    const commits = commitsOf(10_000, 'm'.repeat(500)).map((commit) =>
      Object.defineProperty({ ...commit }, 'message', {
        enumerable: true,
        get: () => {
          read += 1;
          return commit.message;
        },
      }),
    );
    const { body } = built(aPush({ commits }));
    expect(read).toBeLessThan(4 * body.commits.length);
  });
});

it('refuses an event that no cut can make fit', () => {
  expect(() => buildBody('push', aPush(), { maxBytes: 100 })).toThrow(PoisonRecordError);
});
