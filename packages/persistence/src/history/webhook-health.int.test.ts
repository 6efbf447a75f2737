import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@dits/testkit';
import { openDatabase, type Database } from '../database.js';
import { migrateDatabase } from '../migrate.js';
import { HistoryProjection } from './history-projection.js';
import type { LogEntry } from './log-entry.js';
import { HistoryPartitions } from './partitions.js';
import { ACCEPTED_AT_MS, anAttempted, aRetried, WEBHOOK_ID, itself } from './testing.js';
import { WebhookHealth } from './webhook-health.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const log = { info: () => undefined, warn: () => undefined };

describe('WebhookHealth', () => {
  let place: TestDatabase;
  let database: Database;
  let health: WebhookHealth;
  beforeAll(async () => {
    place = await createDatabase();
    await migrateDatabase({ url: place.url, log });
    database = await openDatabase({ url: place.url, log });
    health = new WebhookHealth(database);
  });
  beforeEach(async () => {
    await database.query('TRUNCATE webhooks, webhook_days');
    await aWebhook();
  });
  afterAll(async () => {
    await database?.destroy();
    await place?.drop();
  });

  const at = (hours: number) => ACCEPTED_AT_MS + hours * HOUR_MS;
  async function aWebhook({ id = WEBHOOK_ID, active = true, changedAt = at(-1000) } = {}): Promise<void> {
    await database.query(
      `INSERT INTO webhooks (id, repository_id, url, events, active, secrets, version, created_at, updated_at)
       VALUES ($1, 123, 'https://a.example', '{push}', $2, '[]', 1, $3, $3)
       ON CONFLICT (id) DO UPDATE SET active = excluded.active, updated_at = excluded.updated_at`,
      [id, active, new Date(changedAt)],
    );
  }
  async function record(...entries: LogEntry[]): Promise<void> {
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database, retention, now: () => at(0) });
    const projection = new HistoryProjection({ database, partitions });
    expect(await projection.apply(entries, itself)).toEqual({ refused: [], outOfRange: [] });
  }
  const failed = (hours: number) => aRetried({ started_at_ms: at(hours) });
  const delivered = (hours: number) => anAttempted({ started_at_ms: at(hours) });
  const gone = (hours: number) =>
    anAttempted({
      started_at_ms: at(hours),
      outcome: 'rejected',
      status_code: 410,
      next_step: 'failed',
      failure_reason: 'gone',
    });
  const failing = () => health.failing({ spanMs: 5 * DAY_MS, now: new Date(at(0)) });
  const found = (hours: number) => [{ id: WEBHOOK_ID, failingSince: new Date(at(hours)) }];

  describe('gone', () => {
    it('tells when the receiver last said so', async () => {
      await record(gone(-30), gone(-3), failed(-2));
      expect(await health.gone()).toEqual([{ id: WEBHOOK_ID, goneAt: new Date(at(-3)) }]);
    });

    it.each<[string, LogEntry, Parameters<typeof aWebhook>[0]]>([
      ['a 404 is no 410', failed(-1), {}],
      ['it was changed since', gone(-2), { changedAt: at(-1) }],
      ['it is off already', gone(-1), { active: false }],
    ])('says nothing when %s', async (_, entry, webhook) => {
      await aWebhook(webhook);
      await record(entry);
      expect(await health.gone()).toEqual([]);
    });
  });

  describe('failing', () => {
    it.each<[string, LogEntry[]]>([
      ['it fails at both ends of five days', [failed(-121), failed(-1)]],
      ['it fails all the time', [failed(-121), failed(-90), failed(-40), failed(-1)]],
      [
        'it succeeded before that',
        [delivered(-500), failed(-300), delivered(-200), failed(-121), failed(-1)],
      ],
    ])('is true when %s', async (_, entries) => {
      await record(...entries);
      expect(await failing()).toEqual(found(-121));
    });

    it.each<[string, LogEntry[], Parameters<typeof aWebhook>[0]]>([
      ['the days are not over', [failed(-119), failed(-1)], {}],
      ['it succeeded once between', [failed(-121), delivered(-60), failed(-1)], {}],
      ['it succeeded just now', [failed(-121), failed(-2), delivered(-1)], {}],
      ['it failed once, and nothing was sent since', [failed(-130)], {}],
      ['it failed only long ago', [failed(-300), failed(-150)], {}],
      ['it was changed between', [failed(-121), failed(-1)], { changedAt: at(-60) }],
      ['it is off already', [failed(-121), failed(-1)], { active: false }],
    ])('is not true when %s', async (_, entries, webhook) => {
      await aWebhook(webhook);
      await record(...entries);
      expect(await failing()).toEqual([]);
    });

    it('counts the last failure alone of a day that has a success between failures', async () => {
      // 09:12 in the morning is hour 0 of the tests.
      await record(failed(-125), delivered(-124), failed(-122), failed(-1));
      expect(await failing()).toEqual(found(-122));
    });
  });
});
