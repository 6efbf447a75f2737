import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startReceiver, type Receiver, type Respond } from '@dits/testkit';
import pg from 'pg';
import { aCertificate, aTrustedCertificate } from './certificates.ts';
import { startPlatform, until, type Platform } from './platform.ts';
import { startTlsFront } from './tls-front.ts';

jest.setTimeout(180_000);

// Nine attempts in some eleven seconds; a second is long enough to do something about a retry that waits.
const TIERS = '1s,1100ms,1200ms,1300ms,1400ms,1500ms,1600ms';
const FIRST_TIER_MS = 1_000;
// Shorter than the 10 s of the design only so that the one who hangs is not waited for as long.
const ATTEMPT_TIMEOUT_MS = 1_500;
const MAX_EVENT_BYTES = 20_000;
const CONFIRM_ABOVE = 29;

interface Delivery {
  id: string;
  event_id: string;
  event: string;
  status: string;
  attempts: number;
  failure_reason: string | null;
  trigger: string;
}
interface Attempt {
  attempt: number;
  trigger: string;
  outcome: string;
  started_at: string;
  phases_ms: Record<string, number>;
  request: { url: string; headers: Record<string, string> };
  response: { status: number; body: string } | null;
  error: { class: string; phase: string } | null;
  next_step: string;
}
type Detail = Omit<Delivery, 'attempts'> & { attempts: Attempt[]; request: { body: string } };
interface Job {
  id: string;
  state: string;
  matched: number;
  redelivered: number;
  cancelled_because: string | null;
}

interface Letter {
  id: string;
  key: string;
  replays: number;
}
interface Problem {
  code: string;
  errors: { path: string }[];
}

let platform: Platform;
let trusted: Awaited<ReturnType<typeof aTrustedCertificate>>;
/** What is changed here holds when the router is started again. */
const routerEnv: Record<string, string> = { DITS_MAX_EVENT_BYTES: String(MAX_EVENT_BYTES) };
let nextRepositoryId = 3000;
const receivers: Receiver[] = [];

beforeAll(async () => {
  trusted = await aTrustedCertificate();
  platform = await startPlatform({
    retryTiers: TIERS,
    env: {
      dispatcher: {
        DITS_ATTEMPT_TIMEOUT_MS: String(ATTEMPT_TIMEOUT_MS),
        NODE_EXTRA_CA_CERTS: trusted.file,
      },
      router: routerEnv,
      api: { DITS_REPLAY_CONFIRM_ABOVE: String(CONFIRM_ABOVE) },
    },
  });
});
afterAll(async () => {
  await platform?.stop();
  trusted?.remove();
});
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function aReceiver(respond?: Respond): Promise<Receiver> {
  const receiver = await startReceiver(respond && { respond });
  receivers.push(receiver);
  return receiver;
}

function aPush(repositoryId: number, change: object = {}): object {
  return {
    event: 'push',
    repository: { id: repositoryId, name: 'film', full_name: 'studio/film', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [],
    ...change,
  };
}

/** A webhook of a repository of its own, and what a test asks of it. */
async function aWebhook(url: string, events = ['push'], repositoryId = nextRepositoryId++) {
  const id = await platform.createWebhook(repositoryId, { url, events });
  const path = `${platform.api}/v1/repos/${repositoryId}/webhooks/${id}`;
  const call = <T>(method: string, below: string, body?: object) =>
    platform.call<T>(method, `${path}${below}`, body);
  const list = async (query = '') =>
    (await call<{ data: Delivery[] }>('GET', `/deliveries?limit=100${query}`)).json.data;
  return {
    id,
    repositoryId,
    call,
    list,
    post: async (change?: object) => {
      const { status, json } = await platform.postEvents(aPush(repositoryId, change));
      expect(status).toBe(202);
      return json.event_ids[0]!;
    },
    detail: async (delivery: string) => (await call<Detail>('GET', `/deliveries/${delivery}`)).json,
    redeliver: (delivery: string) => call<Delivery>('POST', `/deliveries/${delivery}/redeliver`),
    /** Waits until so many deliveries have the status; returns them. */
    untilAll: (status: string, count: number, timeoutMs = 30_000) =>
      until(list, (rows) => rows.length === count && rows.every((row) => row.status === status), timeoutMs),
    untilEnded: async (below: string): Promise<Job> =>
      until(
        async () => (await call<Job>('GET', below)).json,
        ({ state }) => state !== 'running',
        60_000,
      ),
  };
}
type Hook = Awaited<ReturnType<typeof aWebhook>>;

async function metric(app: 'dispatcher' | 'api', name: string): Promise<number> {
  const text = await (await fetch(`${platform.apps[app].adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}
const deliveriesAt = (receiver: Receiver) =>
  receiver.requests.map(({ headers }) => headers['x-dits-delivery']);

/** What came of an attempt in one word. */
const endOf = ({ error, response }: Attempt) => error?.class ?? `http_${response!.status}`;

const deadLetters = () => `${platform.api}/v1/dead-letters`;
const replayLetters = (which: object) =>
  platform.call<{ replayed: number; more: boolean }>('POST', `${deadLetters()}/replay`, which);
async function lettersOf(key: string, query: string): Promise<Letter[]> {
  const { json } = await platform.call<{ data: Letter[] }>('GET', `${deadLetters()}?${query}`);
  return json.data.filter((letter) => letter.key === key);
}

describe('a receiver with every fault there is', () => {
  it('gets the delivery in the end, and the history shows each attempt with its class and phases', async () => {
    // The third request is reset, and from then on nobody listens: the next attempts are refused.
    const receiver = await aReceiver((_, n) => {
      if (n === 1) return { status: 500, body: 'broken' };
      if (n === 2) return 'hang';
      if (n > 3) return {};
      front.close();
      return 'reset';
    });
    const front = await startTlsFront({ certificate: trusted, url: receiver.url });
    const { port } = front;
    const url = `https://127.0.0.1:${port}/hooks/dits`;
    const hook = await aWebhook(url);
    await hook.post();
    const [row] = await until(hook.list, ([found]) => (found?.attempts ?? 0) >= 4);

    const impostor = await startTlsFront({ certificate: await aCertificate(), url: receiver.url, port });
    await impostor.refused;
    impostor.close();
    const revived = await startTlsFront({ certificate: trusted, url: receiver.url, port });
    await hook.untilAll('Delivered', 1);
    revived.close();

    const { attempts, status, request } = await hook.detail(row!.id);
    expect(status).toBe('Delivered');
    expect(attempts.map(({ attempt }) => attempt)).toEqual(attempts.map((_, i) => i + 1));
    const ends = attempts.map(endOf);
    // There may be several attempts while nobody listens.
    expect(ends.filter((end, i) => end !== ends[i - 1])).toEqual([
      'http_500',
      'timeout',
      'reset',
      'refused',
      'tls',
      'http_200',
    ]);
    const phases = (...names: string[]) =>
      Object.fromEntries(names.map((name) => [name, expect.any(Number)]));
    const first = (end: string) => attempts[ends.indexOf(end)];
    const retried = { outcome: 'retryable', response: null, next_step: 'retry' };
    expect(attempts[0]).toMatchObject({
      outcome: 'retryable',
      response: { status: 500, body: 'broken' },
      error: null,
      next_step: 'immediate_retry',
      phases_ms: phases('connect', 'tls', 'headers', 'body'),
      request: { url, headers: { 'X-Dits-Delivery': row!.id, 'X-Dits-Attempt': '1' } },
    });
    expect(attempts[1]).toMatchObject({
      ...retried,
      error: { class: 'timeout', phase: 'headers' },
      phases_ms: phases('headers'),
    });
    expect(attempts[2]).toMatchObject({ ...retried, error: { class: 'reset', phase: 'headers' } });
    expect(first('refused')).toMatchObject({
      ...retried,
      error: { class: 'refused', phase: 'connect' },
      phases_ms: phases('connect'),
    });
    expect(first('tls')).toMatchObject({
      ...retried,
      error: { class: 'tls', phase: 'tls' },
      phases_ms: phases('connect', 'tls'),
    });
    expect(attempts.at(-1)).toMatchObject({
      outcome: 'delivered',
      response: { status: 200 },
      next_step: 'done',
    });
    expect(deliveriesAt(receiver)).toEqual(Array(4).fill(row!.id));
    for (const { rawBody } of receiver.requests) expect(rawBody.toString()).toBe(request.body);
    // Never earlier than the tier.
    const startedAtMs = attempts.map(({ started_at }) => Date.parse(started_at));
    expect(startedAtMs[2]! - startedAtMs[1]!).toBeGreaterThanOrEqual(ATTEMPT_TIMEOUT_MS + FIRST_TIER_MS);
  });
});

describe('a receiver that is down for the whole schedule', () => {
  it('fails after nine attempts with a dead letter; put back in vain that comes again, and when it is up it arrives', async () => {
    let isUp = false;
    const receiver = await aReceiver(() => ({ status: isUp ? 200 : 503 }));
    const hook = await aWebhook(receiver.url);
    await hook.post();
    const [failed] = await hook.untilAll('Failed', 1, 60_000);
    expect(failed).toMatchObject({ attempts: 9, failure_reason: 'schedule_ended' });
    expect(receiver.requests).toHaveLength(9);

    const letters = () => lettersOf(hook.id, 'reason=schedule_ended&stage=dispatcher');
    const [letter] = await until(letters, (found) => found.length === 1);
    const shown = await platform.call('GET', `${deadLetters()}/${letter!.id}`);
    expect(shown.json['decoded']).toMatchObject({
      type: 'delivery',
      value: {
        delivery_id: failed!.id,
        attempt: 9,
        body: { text: receiver.requests[0]!.rawBody.toString() },
      },
    });

    expect((await replayLetters({ id: letter!.id })).status).toBe(202);
    const two = await until(letters, (found) => found.length === 2);
    expect(two.map(({ replays }) => replays)).toEqual([0, 1]);
    expect(receiver.requests).toHaveLength(10);

    isUp = true;
    expect((await replayLetters({ id: two[0]!.id })).json).toEqual({ replayed: 1, more: false });
    await hook.untilAll('Delivered', 1);
    expect(new Set(deliveriesAt(receiver))).toEqual(new Set([failed!.id]));
    expect(receiver.requests).toHaveLength(11);
    expect(await letters()).toHaveLength(2);
  });
});

describe('a record that the router can not take', () => {
  it('is a dead letter, comes back as long as that is so, and is delivered once when it is not', async () => {
    const receiver = await aReceiver();
    const hook = await aWebhook(receiver.url);
    const message = 'x'.repeat(MAX_EVENT_BYTES);
    const commit = { id: 'a'.repeat(40), message, author: { name: 'Octo', email: 'octo@cat.example' } };
    const large = await hook.post({ commits: [commit] });
    const letters = () => lettersOf(String(hook.repositoryId), 'reason=too_large&stage=router');
    const [letter] = await until(letters, (found) => found.length === 1);
    const shown = await platform.call('GET', `${deadLetters()}/${letter!.id}`);
    expect(shown.json['decoded']).toMatchObject({ type: 'push', value: { event_id: large } });

    await replayLetters({ id: letter!.id });
    await until(letters, (found) => found.length === 2);
    // In the same partition, and after it: whatever came back by itself would be seen before this arrives.
    await hook.post();
    await hook.untilAll('Delivered', 1);
    expect((await letters()).map(({ replays }) => replays)).toEqual([0, 1]);

    routerEnv['DITS_MAX_EVENT_BYTES'] = String(10 * MAX_EVENT_BYTES);
    await platform.apps.router.stop();
    await platform.apps.router.start();
    const topic = `${platform.prefix}dits.events`;
    expect((await replayLetters({ reason: 'too_large', topic })).json).toEqual({ replayed: 1, more: false });
    await hook.untilAll('Delivered', 2);
    const events = receiver.requests.map(({ rawBody }) => JSON.parse(rawBody.toString()).event_id);
    expect(events.filter((id) => id === large)).toHaveLength(1);
    expect((await replayLetters({ reason: 'too_large', topic })).json).toEqual({ replayed: 0, more: false });
  });
});

describe('a redelivery', () => {
  it('replaces a retry that waits: exactly one POST more, through a restart of the dispatcher', async () => {
    const receiver = await aReceiver((_, n) => ({ status: n <= 2 ? 503 : 200 }));
    const hook = await aWebhook(receiver.url);
    await hook.post();
    const [row] = await until(hook.list, (rows) => rows[0]?.status === 'Retrying' && rows[0].attempts === 2);
    expect((await hook.redeliver(row!.id)).status).toBe(202);
    await receiver.waitFor(3);
    // What it knows ends with it, and is read anew; then the retry that has come due is met.
    await platform.apps.dispatcher.stop();
    await platform.apps.dispatcher.start();
    await until(
      () => metric('dispatcher', 'dits_deliveries_replaced_total'),
      (count) => count === 1,
    );
    const [delivered] = await hook.untilAll('Delivered', 1);
    expect(delivered).toMatchObject({ attempts: 3, trigger: 'redelivery' });
    const { attempts } = await hook.detail(row!.id);
    expect(attempts.map(({ attempt, trigger }) => [attempt, trigger])).toEqual([
      [1, 'event'],
      [2, 'event'],
      [3, 'redelivery'],
    ]);
    expect(receiver.requests.map(({ headers }) => headers['x-dits-attempt'])).toEqual(['1', '2', '3']);
  });

  it('of a delivery that nobody has attempted yet replaces that attempt; of one that arrived, it arrives again', async () => {
    const receiver = await aReceiver();
    const hook = await aWebhook(receiver.url);
    await platform.apps.dispatcher.stop();
    await hook.post();
    const [pending] = await hook.untilAll('Pending', 1);
    expect((await hook.redeliver(pending!.id)).status).toBe(202);
    await platform.apps.dispatcher.start();
    await until(
      () => metric('dispatcher', 'dits_deliveries_replaced_total'),
      (count) => count === 1,
    );
    const [delivered] = await hook.untilAll('Delivered', 1);
    expect(delivered).toMatchObject({ attempts: 1, trigger: 'redelivery' });
    expect(receiver.requests).toHaveLength(1);

    expect((await hook.redeliver(pending!.id)).json).toMatchObject({ status: 'Pending', attempts: 1 });
    await hook.untilAll('Delivered', 1);
    expect(receiver.requests.map(({ headers }) => headers['x-dits-attempt'])).toEqual(['1', '2']);
  });

  it('begins the schedule anew when it fails, too', async () => {
    const receiver = await aReceiver((_, n) => ({ status: [404, 500, 500][n - 1] ?? 200 }));
    const hook = await aWebhook(receiver.url);
    await hook.post();
    const [failed] = await hook.untilAll('Failed', 1);
    await hook.redeliver(failed!.id);
    await hook.untilAll('Delivered', 1);
    const { attempts } = await hook.detail(failed!.id);
    expect(attempts.map(({ next_step }) => next_step)).toEqual([
      'failed',
      'immediate_retry',
      'retry',
      'done',
    ]);
    expect(receiver.requests).toHaveLength(4);
  });
});

describe('many at once', () => {
  async function failedDeliveries(
    count: number,
  ): Promise<{ hook: Hook; receiver: Receiver; up: () => void }> {
    let isUp = false;
    const receiver = await aReceiver(() => ({ status: isUp ? 200 : 400 }));
    const hook = await aWebhook(receiver.url);
    const { status } = await platform.postEvents(
      Array.from({ length: count }, () => aPush(hook.repositoryId)),
    );
    expect(status).toBe(202);
    await hook.untilAll('Failed', count);
    return { hook, receiver, up: () => void (isUp = true) };
  }

  it('are counted, redelivered under their ids, and stop being so when cancelled', async () => {
    const { hook, receiver, up } = await failedDeliveries(30);
    const before = new Set(deliveriesAt(receiver));
    up();
    const dryRun = await hook.call('POST', '/redeliveries', { status: 'Failed', dry_run: true });
    expect(dryRun.json).toEqual({ dry_run: true, matched: 30 });
    expect(receiver.requests).toHaveLength(30);

    const slowly = { status: 'Failed', rate_per_second: 4 };
    const asked = await hook.call<Problem>('POST', '/redeliveries', slowly);
    expect([asked.status, asked.json.errors[0]!.path]).toEqual([422, 'confirm']);
    expect(receiver.requests).toHaveLength(30);
    const slow = await hook.call<Job>('POST', '/redeliveries', { ...slowly, confirm: true });
    await receiver.waitFor(32);
    const cancelled = await hook.call<Job>('DELETE', `/redeliveries/${slow.json.id}`);
    expect(cancelled.json).toMatchObject({ state: 'cancelled', matched: 30 });
    expect(cancelled.json.redelivered).toBeLessThan(30);

    const rest = await hook.call<Job>('POST', '/redeliveries', { status: 'Failed' });
    expect(rest.status).toBe(202);
    expect(await hook.untilEnded(`/redeliveries/${rest.json.id}`)).toMatchObject({ state: 'done' });
    await hook.untilAll('Delivered', 30);
    expect(new Set(deliveriesAt(receiver))).toEqual(before);
    expect(receiver.requests).toHaveLength(60);
  });

  it('are finished by another api when the one at work is killed', async () => {
    const { hook, receiver, up } = await failedDeliveries(40);
    up();
    const other = await platform.startAnother('api');
    try {
      const job = await hook.call<Job>('POST', '/redeliveries', { rate_per_second: 10, confirm: true });
      await receiver.waitFor(44);
      await platform.apps.api.kill();
      const path = `/v1/repos/${hook.repositoryId}/webhooks/${hook.id}/redeliveries/${job.json.id}`;
      const headers = { authorization: `Bearer ${other.token}` };
      const ended = await until(
        async () => (await platform.call<Job>('GET', `${other.url}${path}`, undefined, headers)).json,
        ({ state }) => state !== 'running',
        60_000,
      );
      expect(ended).toMatchObject({ state: 'done', matched: 40, redelivered: 40 });
    } finally {
      await other.stop();
      await platform.apps.api.start();
    }
    await hook.untilAll('Delivered', 40);
    // A step is one transaction: what the first api had done, the second one did not do again. A POST or two may have come
    // twice, since the outbox repeats what it had sent and not yet crossed out.
    const attempts = receiver.requests.map(
      ({ headers }) => `${headers['x-dits-delivery']} ${headers['x-dits-attempt']}`,
    );
    expect(new Set(attempts).size).toBe(80);
  });

  it('are replayed to a webhook that came later, by type and ref, once', async () => {
    const repositoryId = nextRepositoryId++;
    const first = await aReceiver();
    const existing = await aWebhook(first.url, ['*'], repositoryId);
    const wanted = [
      await existing.post({ ref: 'refs/heads/main' }),
      await existing.post({ ref: 'refs/heads/main' }),
    ];
    await existing.post({ ref: 'refs/heads/grade' });
    await existing.untilAll('Delivered', 3);

    const receiver = await aReceiver();
    const later = await aWebhook(receiver.url, ['push'], repositoryId);
    const body = { events: ['push'], ref: 'refs/heads/main', missed_only: true };
    expect((await later.call('POST', '/replays', { ...body, dry_run: true })).json).toEqual({
      dry_run: true,
      matched: 2,
    });
    const { json } = await later.call<Job>('POST', '/replays', body);
    expect(await later.untilEnded(`/replays/${json.id}`)).toMatchObject({ state: 'done', redelivered: 2 });
    const rows = await later.untilAll('Delivered', 2);
    expect(rows.map(({ trigger }) => trigger)).toEqual(['replay', 'replay']);
    expect(receiver.requests.map(({ rawBody }) => JSON.parse(rawBody.toString()).event_id)).toEqual(wanted);
    expect(receiver.requests.map(({ rawBody }) => rawBody)).toEqual(
      first.requests.slice(0, 2).map(({ rawBody }) => rawBody),
    );

    // Nothing is missed any more; all of it again is a redelivery of the same deliveries.
    expect((await later.call('POST', '/replays', { ...body, dry_run: true })).json).toMatchObject({
      matched: 0,
    });
    const again = await later.call<Job>('POST', '/replays', { ref: 'refs/heads/main' });
    await later.untilEnded(`/replays/${again.json.id}`);
    await receiver.waitFor(4);
    expect(new Set(deliveriesAt(receiver))).toEqual(new Set(rows.map(({ id }) => id)));
    expect(first.requests).toHaveLength(3);
  });
});

describe('a webhook that changes while deliveries wait', () => {
  it('is attempted at its new url with its new secret', async () => {
    const old = await aReceiver(() => ({ status: 503 }));
    const hook = await aWebhook(old.url);
    await hook.post();
    await old.waitFor(2);
    const moved = await aReceiver();
    await hook.call('PATCH', '', { url: moved.url });
    await moved.waitFor(1);
    const [row] = await hook.untilAll('Delivered', 1);
    expect(row!.attempts).toBe(3);
    expect(old.requests).toHaveLength(2);
  });

  it('switched off and on again gets nothing that was waiting, and may ask for it', async () => {
    let isUp = false;
    const receiver = await aReceiver(() => ({ status: isUp ? 200 : 503 }));
    const hook = await aWebhook(receiver.url);
    await hook.post();
    await until(hook.list, (rows) => rows[0]?.status === 'Retrying' && rows[0].attempts === 2);
    await hook.call('PATCH', '', { active: false });
    // Matched with nobody while it is off.
    const missed = await hook.post();
    const { json } = await hook.call<{ deactivated_at: string }>('PATCH', '', { active: true });
    isUp = true;
    await hook.untilAll('Cancelled', 1);
    expect(receiver.requests).toHaveLength(2);

    const matched = () =>
      hook.call<{ matched: number }>('POST', '/replays', { missed_only: true, dry_run: true });
    await until(matched, (answer) => answer.json.matched === 2);
    const replay = { missed_only: true, since: json.deactivated_at };
    const job = await hook.call<Job>('POST', '/replays', replay);
    await hook.untilEnded(`/replays/${job.json.id}`);
    await receiver.waitFor(3);
    const rows = await until(hook.list, (found) => found.length === 2 && found[0]!.status === 'Delivered');
    expect(rows.map(({ event_id, status }) => [event_id === missed, status])).toEqual([
      [true, 'Delivered'],
      [false, 'Cancelled'],
    ]);
    // It is final, and may be asked for all the same.
    expect((await hook.redeliver(rows[1]!.id)).json).toMatchObject({ id: rows[1]!.id, status: 'Pending' });
    await hook.untilAll('Delivered', 2);
    expect(receiver.requests).toHaveLength(4);
  });

  it('answered with 410 is switched off, what waits is cancelled, and its owner is told', async () => {
    let answer = 503;
    const receiver = await aReceiver(() => ({ status: answer }));
    const hook = await aWebhook(receiver.url);
    const owner = await aReceiver();
    await aWebhook(owner.url, ['webhook.disabled'], hook.repositoryId);
    await aWebhook(owner.url, ['*'], hook.repositoryId + 100_000);
    await hook.post();
    await until(hook.list, (rows) => rows[0]?.status === 'Retrying');
    answer = 410;
    await hook.post();
    const webhook = await until(
      async () => (await hook.call<{ active: boolean; disabled_reason: string }>('GET', '')).json,
      ({ active }) => !active,
    );
    expect(webhook.disabled_reason).toBe('gone');
    const rows = await until(hook.list, (found) =>
      found.every(({ status }) => !/Retrying|Pending/.test(status)),
    );
    expect(rows.map(({ failure_reason }) => failure_reason)).toContain('gone');
    const [told] = await owner.waitFor(1);
    expect(JSON.parse(told!.rawBody.toString())).toMatchObject({
      event: 'webhook.disabled',
      webhook: { id: hook.id, repository_id: hook.repositoryId, url: receiver.url },
      reason: 'gone',
    });
    expect(owner.requests).toHaveLength(1);
    const refused = await platform.postEvents({ event: 'webhook.disabled', repository: { id: 1 } });
    expect(refused.status).toBe(422);
  });
});

describe('what makes no sense', () => {
  it('is refused with the field that is wrong', async () => {
    const hook = await aWebhook('http://127.0.0.1:65535/');
    const backwards = { since: '2026-11-25T09:00:00Z', until: '2026-11-25T08:00:00Z' };
    const query = new URLSearchParams(backwards).toString();
    const letters = (path: string) => platform.call<Problem>('GET', `${deadLetters()}?${path}`);
    const post = (path: string, body: object) => hook.call<Problem>('POST', path, body);
    const asked: [string, Promise<{ status: number; json: Problem }>][] = [
      ['stat', post('/redeliveries', { stat: 'Failed' })],
      ['status', post('/redeliveries', { status: 'lost' })],
      ['rate_per_second', post('/redeliveries', { rate_per_second: 0 })],
      ['until', post('/redeliveries', backwards)],
      ['refs', post('/replays', { refs: 'refs/heads/main' })],
      ['rate_per_second', post('/replays', { rate_per_second: 0 })],
      ['until', post('/replays', backwards)],
      ['events[0]', post('/replays', { events: ['pull'] })],
      ['stat', hook.call('GET', '/deliveries?stat=failed')],
      ['cursor', hook.call('GET', '/deliveries?cursor=nonsense')],
      ['until', hook.call('GET', `/deliveries?${query}`)],
      ['cursor', hook.call('GET', '/redeliveries?cursor=nonsense')],
      ['cursor', hook.call('GET', '/replays?cursor=nonsense')],
      ['why', letters('why=not_avro')],
      ['cursor', letters('cursor=nonsense')],
      ['until', letters(query)],
      ['id', platform.call('POST', `${deadLetters()}/replay`, {})],
    ];
    for (const [path, answer] of asked) {
      const { status, json } = await answer;
      expect([status, json.code, json.errors.map((error) => error.path)]).toEqual([
        422,
        'invalid_fields',
        [path],
      ]);
    }
  });

  it('is answered with 410 when the body of the event is no longer kept', async () => {
    const receiver = await aReceiver();
    const hook = await aWebhook(receiver.url);
    const eventId = await hook.post();
    const [row] = await hook.untilAll('Delivered', 1);
    // As its partition of the day does after the retention.
    const database = new pg.Client({ connectionString: platform.databaseUrl });
    await database.connect();
    await database.query('DELETE FROM event_bodies WHERE event_id = $1', [eventId]);
    await database.end();
    const { status, json } = await hook.call<Problem & { detail: string }>(
      'POST',
      `/deliveries/${row!.id}/redeliver`,
    );
    expect([status, json.code]).toEqual([410, 'body_expired']);
    expect(json.detail).toContain(`The body of event ${eventId}`);
    const job = await hook.call<Job>('POST', '/redeliveries', {});
    expect(await hook.untilEnded(`/redeliveries/${job.json.id}`)).toMatchObject({
      state: 'done',
      redelivered: 0,
      expired: 1,
    });
    expect(receiver.requests).toHaveLength(1);
  });
});
