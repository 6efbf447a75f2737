import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from '../database.js';
import { migrateDatabase } from '../migrate.js';
import { deliveriesQuery, DeliveryQueries, isDeliveryId, type DeliveryFilter } from './delivery-queries.js';
import { HistoryProjection } from './history-projection.js';
import type { HistoryItem } from './history-rows.js';
import type { LogEntry } from './log-entry.js';
import { HistoryPartitions } from './partitions.js';
import {
  ACCEPTED_AT_MS,
  aCancelled,
  anAttempted,
  aRetried,
  aRouted,
  DELIVERY_ID,
  EVENT_ID,
  WEBHOOK_ID,
  itself,
} from './testing.js';

// Others may keep the machine busy.
jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const log = { info: () => undefined, warn: () => undefined };
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe('DeliveryQueries', () => {
  let place: TestDatabase;
  let database: Database;
  let queries: DeliveryQueries;
  const apply = (...entries: LogEntry[]) => {
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database, retention, now: () => ACCEPTED_AT_MS });
    return new HistoryProjection({ database, partitions }).apply(entries, itself);
  };

  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    queries = new DeliveryQueries(database);
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  describe('get', () => {
    const webhook_id = uuid(70);
    const routed = aRouted({ webhook_ids: [WEBHOOK_ID, webhook_id] });
    beforeAll(async () => {
      const second = { attempt: 2, schedule_attempt: 2, started_at_ms: ACCEPTED_AT_MS + 60_000 };
      await apply(anAttempted(second), routed, aRetried());
    });

    it('gives the delivery with its body and its attempts in order', async () => {
      expect(await queries.get(WEBHOOK_ID, DELIVERY_ID)).toMatchObject({
        delivery: {
          deliveryId: DELIVERY_ID,
          eventId: EVENT_ID,
          acceptedAt: new Date(ACCEPTED_AT_MS),
          repositoryId: 123,
          status: 'delivered',
          attemptCount: 2,
          lastStatusCode: 200,
          trigger: 'event',
        },
        body: Buffer.from('{"event":"push"}'),
        attempts: [
          { attempt: 1, statusCode: 503, nextStep: 'retry', phasesMs: { dns: 0.5 } },
          { attempt: 2, statusCode: 200, nextStep: 'done', responseBody: Buffer.from('OK') },
        ],
      });
    });

    it.each([
      ['another webhook', webhook_id, DELIVERY_ID],
      ['an id nobody has', WEBHOOK_ID, DELIVERY_ID.replace(/.$/, '0').replace(/.(?=.$)/, '0')],
      ['a UUID that is no delivery id', WEBHOOK_ID, EVENT_ID],
      ['any text', WEBHOOK_ID, "'; --"],
    ])('gives null for %s', async (_, webhook, delivery) => {
      expect(await queries.get(webhook, delivery)).toBeNull();
    });

    it('gives the delivery when its body is past its retention', async () => {
      const accepted_at_ms = ACCEPTED_AT_MS - 20 * DAY_MS;
      const old = aRouted({ event_id: uuid(20), accepted_at_ms });
      await apply(old);
      expect(await queries.get(WEBHOOK_ID, old.record.deliveries[0]!.delivery_id)).toMatchObject({
        delivery: { status: 'pending' },
        body: null,
        attempts: [],
      });
    });
  });

  describe('list', () => {
    const webhook_id = uuid(71);
    // Ten events, newest last, three to a day; some in the same millisecond.
    const acceptedAtMs = (i: number) =>
      ACCEPTED_AT_MS - 4 * DAY_MS + Math.floor(i / 3) * DAY_MS + (i % 3 === 0 ? 0 : 1);
    const which = (i: number) => ({
      event_id: uuid(i),
      webhook_id,
      accepted_at_ms: acceptedAtMs(i),
      event: i % 2 === 0 ? 'push' : 'lock.acquired',
    });
    const routed = Array.from({ length: 10 }, (_, i) => {
      const { webhook_id: id, ...event } = which(i);
      return aRouted({ ...event, webhook_ids: [id] });
    });
    const ids = routed.map(({ record }) => record.deliveries[0]!.delivery_id);
    const newestFirst = (numbers: number[]) =>
      numbers.map((i) => ids[i]!).toSorted((a, b) => (a < b ? 1 : -1));

    beforeAll(async () => {
      const ends: HistoryItem[] = [
        anAttempted(which(0)),
        anAttempted(which(1)),
        anAttempted({ ...which(2), outcome: 'rejected', status_code: 404, next_step: 'failed' }),
        aRetried(which(3)),
        aRetried({ ...which(4), status_code: null, error_class: 'timeout' }),
        aCancelled(which(5)),
      ];
      await apply(
        ...routed,
        ...(ends as LogEntry[]),
        aRouted({ event_id: uuid(0), webhook_ids: [uuid(72)] }),
      );
    });

    it.each<[DeliveryFilter, number[]]>([
      [{}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
      [{ status: 'pending' }, [6, 7, 8, 9]],
      [{ status: 'delivered' }, [0, 1]],
      [{ status: 'retrying' }, [3, 4]],
      [{ status: 'failed' }, [2]],
      [{ status: 'cancelled' }, [5]],
      [{ event: 'push' }, [0, 2, 4, 6, 8]],
      [{ event: 'push', status: 'delivered' }, [0]],
      [{ response: '2xx' }, [0, 1]],
      [{ response: '4xx' }, [2]],
      [{ response: '5xx' }, [3]],
      [{ response: 'none' }, [4]],
      [{ response: '3xx' }, []],
      [{ since: new Date(acceptedAtMs(6)) }, [6, 7, 8, 9]],
      [{ until: new Date(acceptedAtMs(3)) }, [0, 1, 2]],
      [{ since: new Date(acceptedAtMs(1)), until: new Date(acceptedAtMs(4)) }, [1, 2, 3]],
    ])('%j', async (filter, expected) => {
      const { deliveries, next } = await queries.list(webhook_id, filter, null, 100);
      expect(deliveries.map((d) => d.deliveryId)).toEqual(newestFirst(expected));
      expect(next).toBeNull();
    });

    it.each([1, 2, 3, 5, 9, 10])('gives each delivery once in pages of %i', async (limit) => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await queries.list(webhook_id, {}, cursor, limit);
        expect(page.deliveries.length).toBeLessThanOrEqual(limit);
        seen.push(...page.deliveries.map((d) => d.deliveryId));
        cursor = page.next;
      } while (cursor !== null);
      expect(seen).toEqual(newestFirst(ids.map((_, i) => i)));
    });

    it('goes on where the cursor points when newer deliveries have come', async () => {
      const first = await queries.list(webhook_id, {}, null, 4);
      const newer = aRouted({
        event_id: uuid(30),
        webhook_ids: [webhook_id],
        accepted_at_ms: ACCEPTED_AT_MS + 1,
      });
      await apply(newer);
      const second = await queries.list(webhook_id, {}, first.next, 100);
      expect(second.deliveries.map((d) => d.deliveryId)).toEqual(newestFirst(ids.map((_, i) => i)).slice(4));
    });
  });

  describe('with much history', () => {
    const webhook_id = uuid(80);
    beforeAll(async () => {
      const retention = { historyDays: 30, bodyDays: 7 };
      const partitions = new HistoryPartitions({ database, retention, now: () => ACCEPTED_AT_MS });
      await partitions.ensurePartitions({
        from: new Date(ACCEPTED_AT_MS - 19 * DAY_MS),
        to: new Date(ACCEPTED_AT_MS),
      });
      // Twenty days of 2,000 deliveries, of which one in a thousand failed.
      await database.query(
        `INSERT INTO deliveries (delivery_id, accepted_at, event_id, webhook_id, event, status, attempts, last_status_code,
           last_outcome, deferrals, updated_at, state_version, attempt_version, trigger_version)
         SELECT encode(decode(lpad(to_hex(ms), 12, '0'), 'hex') || '\\x8000800000000000'::bytea || int2send((i % 2000)::int2), 'hex')::uuid,
           to_timestamp(ms / 1000.0), gen_random_uuid(), $1, CASE WHEN i % 50 = 0 THEN 'repo.created' ELSE 'push' END,
           CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'delivered' END, 1, CASE WHEN i % 1000 = 0 THEN 404 ELSE 200 END,
           'delivered', 0, now(), '', '', ''
         FROM (SELECT i, $2::bigint - i * 43200 AS ms FROM generate_series(1, 38000) AS i) AS given`,
        [webhook_id, ACCEPTED_AT_MS],
      );
      await database.query('ANALYZE deliveries');
    });

    async function planOf(filter: DeliveryFilter, cursor: string | null = null): Promise<string> {
      const query = deliveriesQuery(database, { webhookId: webhook_id, filter, cursor }).limit(51);
      const [sql, parameters] = query.getQueryAndParameters();
      const lines = await database.query<{ 'QUERY PLAN': string }[]>(
        `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${sql}`,
        parameters,
      );
      return lines.map((line) => line['QUERY PLAN']).join('\n');
    }

    it.each<[string, DeliveryFilter, string]>([
      ['no filter', {}, 'webhook_id_accepted_at'],
      ['status', { status: 'failed' }, 'webhook_id_status'],
      ['event', { event: 'repo.created' }, 'webhook_id_event'],
      ['response', { response: '4xx' }, 'webhook_id_response_class'],
    ])('uses an index for %s, and reads only rows that it gives', async (_, filter, index) => {
      const plan = await planOf(filter);
      expect(plan).toMatch(new RegExp(`Index (Only )?Scan using deliveries_\\d+_${index}`));
      expect(plan).not.toMatch(/Rows Removed by Filter: \d\d/);
    });

    it('sorts nothing for the first page', async () => {
      expect(await planOf({})).not.toContain('Sort');
    });

    it('reads no partition older than the page needs', async () => {
      const plan = await planOf({});
      expect(plan).toMatch(/deliveries_20261110\w+ on deliveries_20261110 .*\(never executed\)/);
    });

    it('leaves out the partitions that times and cursor exclude', async () => {
      const plan = await planOf({
        since: new Date(ACCEPTED_AT_MS - DAY_MS),
        until: new Date(ACCEPTED_AT_MS),
      });
      expect(new Set(plan.match(/deliveries_2026\d{4}(?= )/g))).toEqual(
        new Set(['deliveries_20261124', 'deliveries_20261125']),
      );
      const page = await queries.list(webhook_id, { until: new Date(ACCEPTED_AT_MS - 5 * DAY_MS) }, null, 1);
      expect(await planOf({}, page.next)).not.toContain('deliveries_20261125');
    });
  });

  it('tells delivery ids from other texts', () => {
    expect(
      [DELIVERY_ID, DELIVERY_ID.toUpperCase(), EVENT_ID, '', `${DELIVERY_ID} `].map(isDeliveryId),
    ).toEqual([true, true, false, false, false]);
  });
});
