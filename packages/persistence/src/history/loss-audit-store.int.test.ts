import { createDatabase, type TestDatabase } from '@dits/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { openDatabase, type Database } from '../database.js';
import { migrateDatabase } from '../migrate.js';
import { inTransaction } from '../storing.js';
import { HistoryProjection } from './history-projection.js';
import type { ProjectedEvent } from './history-rows.js';
import type { LogEntry } from './log-entry.js';
import { LossAuditStore } from './loss-audit-store.js';
import { HistoryPartitions } from './partitions.js';
import {
  ACCEPTED_AT_MS,
  aCancelled,
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

const HOUR_MS = 3_600_000;
const log = { info: () => undefined, warn: () => undefined };
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const later = (ms: number) => new Date(ACCEPTED_AT_MS + ms);

describe('LossAuditStore', () => {
  let place: TestDatabase;
  let database: Database;
  let store: LossAuditStore;
  let projection: HistoryProjection;
  const apply = (events: ProjectedEvent[], ...entries: LogEntry[]) =>
    projection.apply([...events, ...entries], itself);
  const lockOverdue = (dueBefore: Date, limit = 10) =>
    inTransaction(database, 'reading', (tx) => store.lockOverdue(tx, dueBefore, limit));

  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    store = new LossAuditStore(database);
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database, retention, now: () => ACCEPTED_AT_MS });
    projection = new HistoryProjection({ database, partitions });
  });
  beforeEach(() =>
    database.query('TRUNCATE events, event_bodies, deliveries, attempts, webhook_days, events_put_back'),
  );
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  it('gives what waits past its time with what it takes to go on, and not what has ended or is not due', async () => {
    const ids = (n: number) => ({ event_id: uuid(n) });
    const routed = [1, 2, 3, 4].map((n) => aRouted(ids(n)));
    const waiting = aRetried({ ...ids(1), started_at_ms: ACCEPTED_AT_MS + 10, trigger: 'event' });
    await apply(
      [],
      aRouted(),
      ...routed,
      waiting,
      anAttempted(ids(2)),
      aCancelled(ids(3)),
      aDeferred({ ...ids(4), not_before_ms: ACCEPTED_AT_MS + 2 * HOUR_MS }),
    );
    expect(await store.count(later(HOUR_MS))).toEqual({ deliveries: 2, events: 0 });
    const found = await lockOverdue(later(HOUR_MS));
    expect(found.map(({ delivery }) => delivery.deliveryId).toSorted()).toEqual(
      [DELIVERY_ID, waiting.record.delivery_id].toSorted(),
    );
    const retrying = found.find(({ delivery }) => delivery.status === 'retrying')!;
    expect(retrying.body).toEqual(Buffer.from('{"event":"push"}'));
    expect(retrying.attempts).toEqual([
      expect.objectContaining({ attempt: 1, scheduleAttempt: 1, trigger: 'event', nextStep: 'retry' }),
    ]);
    // Due a minute after its attempt.
    expect((await lockOverdue(later(60_000))).map(({ delivery }) => delivery.deliveryId)).toEqual([
      DELIVERY_ID,
    ]);
    expect(await lockOverdue(later(HOUR_MS), 1)).toHaveLength(1);
  });

  it('does not find again what was put back, until that is overdue', async () => {
    await apply([], aRouted());
    const { record } = aDeferred({
      deferred_at_ms: ACCEPTED_AT_MS + HOUR_MS,
      not_before_ms: ACCEPTED_AT_MS + HOUR_MS,
      redelivered_at_ms: ACCEPTED_AT_MS + HOUR_MS,
      deferrals: 0,
      reason: 'put_back',
    });
    await inTransaction(database, 'putting back', (tx) =>
      store.storePutBack(tx, [{ name: 'deferred', record }]),
    );
    expect(await lockOverdue(later(HOUR_MS))).toEqual([]);
    expect(await lockOverdue(later(HOUR_MS + 1))).toHaveLength(1);
    // What the recorder stores when it meets the entry is the same.
    const before = await database.query('SELECT * FROM deliveries');
    await apply([], { name: 'deferred', record });
    expect(await database.query('SELECT * FROM deliveries')).toEqual(before);
  });

  it('leaves out what another transaction has locked', async () => {
    await apply([], aRouted());
    await inTransaction(database, 'redelivering', async (tx) => {
      expect(await store.lockOverdue(tx, later(HOUR_MS), 10)).toHaveLength(1);
      expect(await lockOverdue(later(HOUR_MS))).toEqual([]);
    });
  });

  it('gives events that were never routed, but for repeats of one that was, and each once', async () => {
    await apply(
      [
        anEvent(),
        anEvent({ event_id: uuid(1) }),
        anEvent({ event_id: uuid(1), acceptedAtMs: ACCEPTED_AT_MS + 5 }),
        anEvent({ event_id: uuid(2), acceptedAtMs: ACCEPTED_AT_MS + 2 * HOUR_MS }),
      ],
      aRouted({ event_id: uuid(1) }),
    );
    expect(await store.count(later(HOUR_MS))).toEqual({ deliveries: 1, events: 1 });
    const found = await store.unroutedEvents(later(HOUR_MS), 10);
    expect(found).toEqual([
      { eventId: EVENT_ID, acceptedAt: new Date(ACCEPTED_AT_MS), event: 'push', repositoryId: 123 },
    ]);
    const noted = { now: later(HOUR_MS), historyFrom: later(-HOUR_MS) };
    await store.notePutBack(found[0]!, noted);
    await store.notePutBack(found[0]!, noted);
    expect(await store.unroutedEvents(later(HOUR_MS), 10)).toEqual([]);
    expect(await store.count(later(HOUR_MS))).toMatchObject({ events: 1 });
  });

  it('runs one audit at a time, and none while the history is rebuilt', async () => {
    const other = new LossAuditStore(database);
    const ran: string[] = [];
    await store.exclusively(async () => {
      expect(await other.exclusively(async () => void ran.push('beside'))).toBe(false);
    });
    expect(await other.exclusively(async () => void ran.push('after'))).toBe(true);
    await expect(
      store.whileRebuilding(new Date(), () => Promise.reject(new Error('broken off'))),
    ).rejects.toThrow('broken off');
    expect(await store.exclusively(async () => void ran.push('half a history'))).toBe(false);
    await store.whileRebuilding(new Date(), async () => void ran.push('rebuilt'));
    expect(await store.exclusively(async () => void ran.push('at last'))).toBe(true);
    expect(ran).toEqual(['after', 'rebuilt', 'at last']);
  });

  it('reads only what is under way, whatever the history holds', async () => {
    await apply([], aRouted());
    await database.query(
      `INSERT INTO deliveries (delivery_id, accepted_at, event_id, webhook_id, event, status, attempts, deferrals, updated_at,
         state_version, attempt_version, trigger_version)
       SELECT gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), 'push', 'delivered', 1, 0, $1, '', '', ''
       FROM generate_series(1, 3000)`,
      [new Date(ACCEPTED_AT_MS)],
    );
    await database.query(
      `INSERT INTO events (event_id, accepted_at, event, routed_at)
       SELECT gen_random_uuid(), $1, 'push', $1 FROM generate_series(1, 3000)`,
      [new Date(ACCEPTED_AT_MS)],
    );
    await database.query('ANALYZE deliveries, events');
    const planOf = async (sql: string) => {
      const lines = await database.query<{ 'QUERY PLAN': string }[]>(
        `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${sql}`,
        [later(HOUR_MS)],
      );
      return lines.map((line) => line['QUERY PLAN']).join('\n');
    };
    const deliveries = await planOf(
      `SELECT delivery_id FROM deliveries WHERE status IN ('pending', 'retrying')
         AND coalesce(next_attempt_at, updated_at) < $1 ORDER BY coalesce(next_attempt_at, updated_at) LIMIT 100`,
    );
    expect(deliveries).toMatch(/Index Scan using deliveries_20261125_coalesce_idx/);
    const events = await planOf(
      `SELECT event_id FROM events WHERE routed_at IS NULL AND accepted_at < $1 ORDER BY accepted_at LIMIT 100`,
    );
    expect(events).toMatch(/Index Scan using events_20261125_accepted_at_idx/);
    expect(`${deliveries}${events}`).not.toMatch(/Rows Removed/);
  });
});
