import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StorageFault } from '@dits/contracts';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import fc from 'fast-check';
import { openDatabase, type Database } from '../database.js';
import { migrateDatabase } from '../migrate.js';
import { HistoryProjection } from './history-projection.js';
import type { HistoryItem } from './history-rows.js';
import { HistoryPartitions } from './partitions.js';
import {
  ACCEPTED_AT_MS,
  aCancelled,
  aDeadLettered,
  aDeferred,
  anAttempted,
  anEvent,
  aRetried,
  aRouted,
  DELIVERY_ID,
  EVENT_ID,
  itself,
} from './testing.js';

// Others may keep the machine busy.
jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const log = { info: () => undefined, warn: () => undefined };
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe('HistoryProjection', () => {
  let place: TestDatabase;
  let database: Database;
  const aProjection = () => {
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database, retention, now: () => ACCEPTED_AT_MS });
    return new HistoryProjection({ database, partitions });
  };
  const apply = (...items: HistoryItem[]) => aProjection().apply(items, itself);
  const rowsOf = (table: string) =>
    database.query<Record<string, unknown>[]>(`SELECT * FROM ${table} t ORDER BY t::text`);
  const history = async () => ({
    events: await rowsOf('events'),
    bodies: await rowsOf('event_bodies'),
    deliveries: await rowsOf('deliveries'),
    attempts: await rowsOf('attempts'),
    days: await rowsOf('webhook_days'),
  });
  const forget = () => database.query('TRUNCATE events, event_bodies, deliveries, attempts, webhook_days');

  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
  });
  beforeEach(forget);
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  it('keeps everything of an event, its body, its delivery and its attempts', async () => {
    const attempted = anAttempted();
    expect(await apply(anEvent(), aRouted(), attempted)).toEqual({ refused: [], outOfRange: [] });
    const { events, bodies, deliveries, attempts } = await history();
    expect(events).toEqual([
      {
        event_id: EVENT_ID,
        accepted_at: new Date(ACCEPTED_AT_MS),
        event: 'push',
        repository_id: 123,
        repository_full_name: 'User/my-project',
        owner_login: 'user',
        ref: 'refs/heads/main',
        routed_at: new Date(ACCEPTED_AT_MS + 5),
        delivery_count: 1,
        trigger: 'event',
      },
    ]);
    expect(bodies).toMatchObject([{ event_id: EVENT_ID, body: Buffer.from('{"event":"push"}') }]);
    expect(deliveries).toMatchObject([
      {
        delivery_id: DELIVERY_ID,
        status: 'delivered',
        attempts: 1,
        last_status_code: 200,
        response_class: 2,
      },
    ]);
    const { accepted_at_ms, started_at_ms, next_attempt_at_ms, event, event_id, webhook_id, ...same } =
      attempted.record;
    expect(attempts).toEqual([
      {
        ...same,
        accepted_at: new Date(accepted_at_ms),
        started_at: new Date(started_at_ms),
        next_attempt_at: next_attempt_at_ms,
      },
    ]);
    expect([event, event_id, webhook_id]).toEqual(['push', EVENT_ID, deliveries[0]!.webhook_id]);
  });

  it('keeps each body of a batch byte for byte, empty, short and long, each with its event', async () => {
    const bodies = [
      Buffer.alloc(0),
      Buffer.from([0, 0x5c, 0xff]),
      randomBytes(100_000),
      Buffer.from('{}'),
      randomBytes(1),
    ];
    // Not in the order of their ids.
    const routed = bodies.map((body, i) => aRouted({ event_id: uuid((i * 3) % 5), body }));
    expect(await apply(...routed)).toEqual({ refused: [], outOfRange: [] });
    const stored = new Map((await rowsOf('event_bodies')).map(({ event_id, body }) => [event_id, body]));
    expect(stored).toEqual(new Map(bodies.map((body, i) => [uuid((i * 3) % 5), body])));
  });

  it('keeps a ping of an owner, which has no repository', async () => {
    await apply(aRouted({ event: 'ping', trigger: 'ping', repository_id: null, repository_full_name: null }));
    const { events, deliveries } = await history();
    expect(events).toMatchObject([{ event: 'ping', repository_id: null, trigger: 'ping' }]);
    expect(deliveries).toMatchObject([{ status: 'pending', repository_id: null, trigger: 'ping' }]);
  });

  it('keeps both POSTs when an attempt was made twice', async () => {
    await apply(aRetried(), aRetried({ started_at_ms: ACCEPTED_AT_MS + 900 }));
    expect((await history()).attempts).toHaveLength(2);
  });

  it('gives the same rows in any order, with repeats, split into batches and by two recorders at once', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, anyDeal, async (items, deal) => {
        await forget();
        await apply(...items);
        const expected = await history();

        await forget();
        const { order, cuts, repeats } = deal;
        const dealt = [...items, ...repeats.map((i) => items[i % items.length]!)];
        const keys = new Map(dealt.map((item, i) => [item, order[i % order.length]!]));
        const shuffled = dealt.toSorted((a, b) => keys.get(a)! - keys.get(b)!);
        const batches = inBatches(shuffled, cuts);
        const recorders = [aProjection(), aProjection()];
        await Promise.all(
          recorders.map(async (recorder, me) => {
            for (const [i, batch] of batches.entries()) {
              if (i % recorders.length === me) await recorder.apply(batch, itself);
            }
          }),
        );
        expect(await history()).toEqual(expected);
      }),
      // Shrinking a failure would take hundreds of runs against the database.
      { numRuns: 20, endOnFailure: true },
    );
  });

  it('lets several recorders store the same rows at once, each in its own order', async () => {
    const items = Array.from({ length: 300 }, (_, i) => [
      anEvent({ event_id: uuid(i) }),
      aRouted({ event_id: uuid(i), webhook_ids: [uuid(1), uuid(2)] }),
      anAttempted({ event_id: uuid(i), webhook_id: uuid(1) }),
      aRetried({ event_id: uuid(i), webhook_id: uuid(2) }),
    ]).flat();
    const orders = fc.sample(fc.shuffledSubarray(items, { minLength: items.length }), 4);
    await Promise.all(orders.map((order) => aProjection().apply(order, itself)));
    expect(await database.query('SELECT status, count(*) FROM deliveries GROUP BY 1 ORDER BY 1')).toEqual([
      { status: 'delivered', count: 300 },
      { status: 'retrying', count: 300 },
    ]);
  });

  it('stores texts that Postgres refuses as they are', async () => {
    const odd = 'a\0b\uD800c';
    const result = await apply(
      anEvent({ event_id: uuid(1), ref: odd }),
      aRouted({ repository_full_name: odd }),
      anAttempted({
        error_message: odd,
        url: odd,
        request_headers: { [odd]: odd, ['__proto__']: 'x' },
        response_headers: { 'x-odd': odd },
        response_body: Buffer.from([0, 0xff, 0xfe]),
        failure_reason: odd,
        next_step: 'failed',
      }),
      aDeadLettered({ reason: odd }),
    );
    expect(result.refused).toEqual([]);
    const { events, attempts, deliveries } = await history();
    const stored = 'a\uFFFDb\uFFFDc';
    expect(events).toMatchObject([{ ref: stored }, { repository_full_name: stored }]);
    expect(attempts).toMatchObject([
      {
        error_message: stored,
        url: stored,
        request_headers: { [stored]: stored },
        response_headers: { 'x-odd': stored },
        response_body: Buffer.from([0, 0xff, 0xfe]),
      },
    ]);
    expect(deliveries).toMatchObject([{ failure_reason: stored }]);
  });

  it('keeps repository ids up to 2^53-1 exactly', async () => {
    const ids = [0, 2 ** 31, 2 ** 52, 2 ** 53 - 1];
    await apply(...ids.map((repository_id, i) => aRouted({ event_id: uuid(i), repository_id })));
    expect((await history()).events.map((row) => row.repository_id)).toEqual(ids);
  });

  it('refuses the one record that Postgres can not store, and stores the others of its batch', async () => {
    // Longer than an index entry may be, and not compressible.
    const tooLong = Array.from({ length: 3_000 }, (_, i) =>
      String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000)),
    ).join('');
    const bad = aRouted({ event_id: uuid(5), event: tooLong });
    const good = Array.from({ length: 9 }, (_, i) => aRouted({ event_id: uuid(10 + i) }));
    const { refused } = await apply(...good.slice(0, 4), bad, ...good.slice(4));
    expect(refused).toMatchObject([{ error: { code: 'DITS_POISON_RECORD', reason: 'invalid_value' } }]);
    expect(refused[0]!.source).toBe(bad);
    expect((await history()).deliveries).toHaveLength(9);
  });

  it.each<[string, HistoryItem]>([
    ['a delivery id of another time', anAttempted({ delivery_id: DELIVERY_ID.replace(/^./, '1') })],
    ['a delivery id that is no UUID', aCancelled({ delivery_id: 'x' })],
    ['a webhook id that is no UUID', anAttempted({ webhook_id: 'x' })],
    ['an event id that is no UUID', aDeferred({ event_id: 'x' })],
    ['an event that names no UUID', anEvent({ event_id: '{00000000-0000-4000-8000-000000000001}' })],
    ['a duration that is no number', anAttempted({ duration_ms: Number.NaN })],
    ['a time beyond all time', aDeferred({ not_before_ms: 1e18 })],
  ])('refuses %s', async (_, item) => {
    const other = aRouted({ event_id: uuid(1) });
    expect((await apply(item, other)).refused.map(({ source }) => source)).toEqual([item]);
    expect((await history()).deliveries).toHaveLength(1);
  });

  it('does not keep what is past its retention, or far in the future', async () => {
    const kept = aRouted({ event_id: uuid(1), accepted_at_ms: ACCEPTED_AT_MS - 29 * DAY_MS });
    const past = aRouted({ event_id: uuid(2), accepted_at_ms: ACCEPTED_AT_MS - 30 * DAY_MS });
    const future = anEvent({ event_id: uuid(3), acceptedAtMs: ACCEPTED_AT_MS + 9 * DAY_MS });
    expect(await apply(kept, past, future)).toEqual({ refused: [], outOfRange: [past, future] });
    const { events, bodies } = await history();
    expect(events.map((row) => row.event_id)).toEqual([uuid(1)]);
    // Bodies are kept for 7 days only.
    expect(bodies).toEqual([]);
  });

  it('makes a partition again that another process has dropped, once it is asked again', async () => {
    const projection = aProjection();
    const batch = [aRouted()];
    await projection.apply(batch, itself);
    await database.query('DROP TABLE deliveries_20261125');
    await expect(projection.apply(batch, itself)).rejects.toBeInstanceOf(StorageFault);
    await projection.apply(batch, itself);
    expect((await history()).deliveries).toHaveLength(1);
  });

  it('rejects with a fault when the database is gone', async () => {
    const gone = await openDatabase({ url: place.url, log });
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database: gone, retention, now: () => ACCEPTED_AT_MS });
    const projection = new HistoryProjection({ database: gone, partitions });
    await projection.apply([aRouted()], itself);
    await gone.destroy();
    await expect(projection.apply([aRouted()], itself)).rejects.toBeInstanceOf(StorageFault);
  });

  it('stores an event with more deliveries than one transaction of others may hold', async () => {
    const webhook_ids = Array.from({ length: 6_000 }, (_, i) => uuid(i));
    await apply(aRouted({ webhook_ids }), anEvent({ event_id: uuid(1) }));
    expect(await database.query('SELECT count(*) FROM deliveries')).toEqual([{ count: 6_000 }]);
  });
});

const attempt = fc.integer({ min: 1, max: 3 });
const which = {
  event_id: fc.constantFrom(uuid(1), uuid(2)),
  webhook_id: fc.constantFrom(uuid(8), uuid(9)),
};
const ms = fc.integer({ min: 0, max: 3 }).map((n) => ACCEPTED_AT_MS + n);
const redelivered_at_ms = fc.option(ms);
const anyItem: fc.Arbitrary<HistoryItem> = fc.oneof(
  fc.record({ event_id: which.event_id, acceptedAtMs: ms }).map(anEvent),
  fc
    .record({
      event_id: which.event_id,
      trigger: fc.constantFrom('event', 'replay', 'redelivery'),
      routed_at_ms: ms,
      webhook_ids: fc.subarray([uuid(8), uuid(9)]),
    })
    .map(aRouted),
  // What an attempt brought is a function of its key: one POST has one result.
  fc
    .record({ ...which, attempt, redelivered_at_ms, started_at_ms: ms })
    .map((o) => ((o.attempt + o.started_at_ms) % 2 === 0 ? anAttempted(o) : aRetried(o))),
  fc
    .record({
      ...which,
      attempt,
      redelivered_at_ms,
      deferred_at_ms: ms,
      not_before_ms: ms,
      deferrals: attempt,
    })
    .map(aDeferred),
  fc.record({ ...which, attempt, redelivered_at_ms, cancelled_at_ms: ms }).map(aCancelled),
  fc.record({ ...which, attempt, redelivered_at_ms, dead_lettered_at_ms: ms }).map(aDeadLettered),
);
const anyHistory = fc.array(anyItem, { minLength: 1, maxLength: 25 });
const anyDeal = fc.record({
  order: fc.array(fc.nat(), { minLength: 50, maxLength: 50 }),
  repeats: fc.array(fc.nat(), { maxLength: 10 }),
  cuts: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 10 }),
});

function inBatches(items: HistoryItem[], cuts: number[]): HistoryItem[][] {
  const batches: HistoryItem[][] = [];
  for (let i = 0, n = 0; i < items.length; n++) {
    const size = cuts[n % cuts.length]!;
    batches.push(items.slice(i, i + size));
    i += size;
  }
  return batches;
}
