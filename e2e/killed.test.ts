import { startReceiver, type Receiver } from '@dits/testkit';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { startPlatform, until, type Platform } from './platform.ts';

// A minute and a half where nothing else runs.
jest.setTimeout(900_000);

const DELIVERIES = 5_000;
const WEBHOOKS = 10;
const EVENTS_PER_POST = 500;
const FIRST_REPOSITORY_ID = 7000;
// The first two POSTs of a delivery fail, so each one goes through a tier.
const FAILING_ATTEMPTS = 2;
const WANTED_POSTS = DELIVERIES * (FAILING_ATTEMPTS + 1);
// In the middle: while first attempts, retries and log entries are all on their way.
const KILL_AFTER_POSTS = [0.25, 0.6].map((share) => Math.round(WANTED_POSTS * share));
const KILLED = ['dispatcher', 'retrier', 'recorder'] as const;

/** `<delivery> <attempt>` to how often it was seen. */
type Counts = Map<string, number>;

let platform: Platform;
let receiver: Receiver;
let database: pg.Client;

beforeAll(async () => {
  receiver = await startReceiver({
    respond: ({ headers }) => ({ status: Number(headers['x-dits-attempt']) <= FAILING_ATTEMPTS ? 503 : 200 }),
  });
  platform = await startPlatform({
    retryTiers: '2s,3s,4s',
    env: {
      all: { DITS_LOG_LEVEL: 'warn' },
      // A receiver that fails every first attempt would open every circuit; here as many as possible are to be on their way.
      dispatcher: { DITS_CIRCUIT_FAILURES: '0' },
    },
  });
  database = new pg.Client({ connectionString: platform.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await platform?.stop();
  await receiver?.close();
});

function aPush(repositoryId: number): object {
  return {
    event: 'push',
    repository: { id: repositoryId, name: 'film', full_name: 'studio/film', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [],
  };
}

async function postAll(): Promise<void> {
  const repositoryIds = Array.from({ length: WEBHOOKS }, (_, i) => FIRST_REPOSITORY_ID + i);
  for (const id of repositoryIds) await platform.createWebhook(id, { url: receiver.url, events: ['push'] });
  for (let posted = 0; posted < DELIVERIES; posted += EVENTS_PER_POST) {
    const { status } = await platform.postEvents(
      Array.from({ length: EVENTS_PER_POST }, (_, i) => aPush(repositoryIds[i % WEBHOOKS]!)),
    );
    expect(status).toBe(202);
  }
}

async function countsInHistory(): Promise<Counts> {
  const { rows } = await database.query<{ key: string; count: number }>(
    `SELECT delivery_id || ' ' || attempt AS key, count(*)::int AS count FROM attempts GROUP BY 1`,
  );
  return new Map(rows.map(({ key, count }) => [key, count]));
}

async function statuses(): Promise<Record<string, number>> {
  const { rows } = await database.query<{ status: string; count: number }>(
    'SELECT status, count(*)::int AS count FROM deliveries GROUP BY 1',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

function countsAtReceiver(): Counts {
  const counts: Counts = new Map();
  for (const { headers } of receiver.requests) {
    const key = `${headers['x-dits-delivery']} ${headers['x-dits-attempt']}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const sum = (counts: Counts) => [...counts.values()].reduce((total, count) => total + count, 0);

describe('kill -9 of dispatcher, retrier and recorder amid 5,000 retrying deliveries', () => {
  it('loses none: each ends Delivered, and the history has what the receiver saw', async () => {
    const startedAtMs = Date.now();
    await postAll();
    for (const posts of KILL_AFTER_POSTS) {
      await receiver.waitFor((requests) => requests.length >= posts, 400_000);
      await Promise.all(KILLED.map((app) => platform.apps[app].kill()));
      await Promise.all(KILLED.map((app) => platform.apps[app].start()));
    }
    await until(statuses, ({ delivered }) => delivered === DELIVERIES, 400_000);
    const tookMs = Date.now() - startedAtMs;

    expect(await statuses()).toEqual({ delivered: DELIVERIES });
    const seen = countsAtReceiver();
    const recorded = await countsInHistory();
    const deliveries = new Set([...seen.keys()].map((key) => key.split(' ')[0]));
    expect(deliveries.size).toBe(DELIVERIES);
    for (const id of deliveries) expect([id, seen.has(`${id} ${FAILING_ATTEMPTS + 1}`)]).toEqual([id, true]);
    // Every attempt that the receiver saw is in the history, and no other.
    expect(new Set(recorded.keys())).toEqual(new Set(seen.keys()));
    // A dispatcher that dies between a POST and its entry leaves that POST out, and makes it again.
    for (const [key, count] of recorded) expect([key, seen.get(key)! >= count]).toEqual([key, true]);

    const { rows: answers } = await database.query<{ attempt: number; status_code: number }>(
      'SELECT DISTINCT attempt, status_code FROM attempts ORDER BY 1',
    );
    for (const { attempt, status_code } of answers)
      expect([attempt, status_code]).toEqual([attempt, attempt <= FAILING_ATTEMPTS ? 503 : 200]);

    const repeated = sum(seen) - seen.size;
    console.log(
      `kill -9 of ${KILLED.join(', ')}, ${KILL_AFTER_POSTS.length} times: ${DELIVERIES} deliveries, all Delivered ` +
        `in ${(tookMs / 1000).toFixed(0)} s; ${sum(seen)} POSTs, ${repeated} of them repeated ` +
        `(${((100 * repeated) / sum(seen)).toFixed(2)} %), ${sum(seen) - sum(recorded)} not in the history`,
    );
  });
});
