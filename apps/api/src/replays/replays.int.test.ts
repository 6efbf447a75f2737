import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deliveryId } from '@dits/domain';
import { startApi, until, type TestApi } from '../testing.js';
import { FAILED, RETRIED, TestHistory, type TestEvent } from '../redeliveries/test-history.fixture.js';

const HOUR_MS = 3_600_000;
const START = Date.now() - HOUR_MS;

describe('replaying past events', () => {
  let api: TestApi;
  let history: TestHistory;
  let nextRepositoryId = 500;
  let made: { key: string; value: any }[];
  let replaced: { key: string; value: any }[];
  beforeAll(async () => {
    api = await startApi({ DITS_REPLAY_CONFIRM_ABOVE: '20' });
    history = new TestHistory(api);
    made = (await api.follow(api.topics.deliveries)).records;
    replaced = (await api.follow(api.topics.redeliveries)).records;
  }, 60_000);
  afterAll(() => api?.stop());

  /** Events of a repository nobody else has, then a webhook on it. */
  async function aRepository(
    events: Partial<TestEvent>[],
    hook: { events: string[]; path?: string } = { events: ['*'] },
  ) {
    const repositoryId = nextRepositoryId++;
    const recorded = [];
    for (const [i, event] of events.entries()) {
      const acceptedAtMs = event.acceptedAtMs ?? START + i * 1_000;
      const { eventId } = await history.event({ repositoryId, ...event, acceptedAtMs });
      recorded.push({ eventId, acceptedAtMs });
    }
    const { headers, json } = await api.call('POST', hook.path ?? `/v1/repos/${repositoryId}/webhooks`, {
      body: { url: 'https://a.example/', events: hook.events },
    });
    const webhookId = json.id as string;
    const path = headers.location!;
    return {
      repositoryId,
      webhookId,
      path,
      events: recorded,
      post: (body: object) => api.call('POST', `${path}/replays`, { body }),
      made: () => made.filter(({ key }) => key === webhookId).map(({ value }) => value.record),
      count: async (body: object) =>
        (await api.call('POST', `${path}/replays`, { body: { ...body, dry_run: true } })).json.matched,
    };
  }
  async function untilEnded(location: string): Promise<any> {
    for (;;) {
      const { json } = await api.call('GET', location);
      if (json.state !== 'running') return json;
      await pause(20);
    }
  }

  it('delivers events from before the webhook to it, oldest first, with the ids that they always have', async () => {
    const { post, events, webhookId, path, made } = await aRepository([{}, { event: 'lock.acquired' }, {}]);
    const { status, headers } = await post({});
    expect(status).toBe(202);
    expect(await untilEnded(headers.location!)).toMatchObject({ state: 'done', matched: 3, redelivered: 3 });
    await until(() => made().length === 3);
    expect(made()).toMatchObject(
      events.map(({ eventId, acceptedAtMs }) => ({
        event_id: eventId,
        delivery_id: deliveryId({ eventId, acceptedAtMs, webhookId }),
        accepted_at_ms: acceptedAtMs,
        attempt: 1,
        schedule_attempt: 1,
        trigger: 'replay',
        redelivered_at_ms: expect.any(Number),
      })),
    );
    const { json } = await api.call('GET', `${path}/deliveries`);
    expect(json.data.map((row: any) => [row.event_id, row.status, row.trigger])).toEqual(
      events.toReversed().map(({ eventId }) => [eventId, 'Pending', 'replay']),
    );
  });

  it('delivers again under the same id what was delivered before, and replaces a retry that waits', async () => {
    const { post, events, webhookId, made } = await aRepository([{}, {}]);
    await history.attempt({ ...events[0]!, webhookId }, {});
    await history.attempt({ ...events[1]!, webhookId }, { attempt: 2, ...RETRIED });
    const { headers } = await post({});
    expect(await untilEnded(headers.location!)).toMatchObject({ redelivered: 2 });
    await until(() => made().length === 2);
    expect(made().map(({ attempt }) => attempt)).toEqual([2, 3]);
    const ids = made().map(({ delivery_id }) => delivery_id);
    await until(() => replaced.some(({ key }) => key === ids[1]));
    expect(replaced.filter(({ key }) => ids.includes(key)).map(({ key }) => key)).toEqual([ids[1]]);
  });

  it('takes types, times and a ref, and never what the webhook does not ask for', async () => {
    const { count, events } = await aRepository(
      [
        { ref: 'refs/heads/main' },
        { ref: 'refs/heads/grade' },
        { event: 'push.tag', ref: 'refs/heads/main' },
        { event: 'lock.acquired' },
        { event: 'ping' },
      ],
      { events: ['push', 'push.*'] },
    );
    const iso = (i: number) => new Date(events[i]!.acceptedAtMs).toISOString();
    expect(await count({})).toBe(3);
    expect(await count({ events: ['push'] })).toBe(2);
    expect(await count({ events: ['push.*', 'lock.acquired'] })).toBe(1);
    expect(await count({ ref: 'refs/heads/main' })).toBe(2);
    expect(await count({ since: iso(1) })).toBe(2);
    expect(await count({ until: iso(1) })).toBe(1);
    expect(await count({ since: iso(1), until: iso(2), events: ['*'] })).toBe(1);
  });

  it('with missed_only leaves out what was delivered or is on its way', async () => {
    const { count, post, events, webhookId, made } = await aRepository([{}, {}, {}, {}, {}]);
    const [delivered, retrying, failed, , unknown] = events;
    await history.attempt({ ...delivered!, webhookId }, {});
    await history.attempt({ ...retrying!, webhookId }, RETRIED);
    await history.attempt({ ...failed!, webhookId }, FAILED);
    expect(await count({ missed_only: true })).toBe(3);
    const { headers } = await post({ missed_only: true });
    await untilEnded(headers.location!);
    await until(() => made().length === 3);
    expect(made().map(({ event_id }) => event_id)).toContain(unknown!.eventId);
    expect(await count({ missed_only: true })).toBe(0);
  });

  it('reaches every repository of an owner for a webhook of the owner, and no other', async () => {
    const owner = 'studio-replay';
    const path = `/v1/owners/${owner}/webhooks`;
    const { count } = await aRepository([{ owner }, { owner, repositoryId: 9_001 }, { owner: 'other' }], {
      events: ['*'],
      path,
    });
    expect(await count({})).toBe(2);
  });

  it('counts apart the events whose body is no longer kept', async () => {
    const { post } = await aRepository([{ acceptedAtMs: Date.now() - 10 * 24 * HOUR_MS }, {}]);
    const { headers } = await post({});
    expect(await untilEnded(headers.location!)).toMatchObject({ matched: 2, redelivered: 1, expired: 1 });
  });

  it('goes on over many steps without leaving out or repeating any', async () => {
    const { post, made, events } = await aRepository(
      Array.from({ length: 120 }, (_, i) => ({ acceptedAtMs: START + Math.floor(i / 4) })),
    );
    const { headers } = await post({ confirm: true, rate_per_second: 1000 });
    expect(await untilEnded(headers.location!)).toMatchObject({ redelivered: 120 });
    await until(() => made().length === 120);
    expect(new Set(made().map(({ event_id }) => event_id))).toEqual(
      new Set(events.map(({ eventId }) => eventId)),
    );
  });

  it.each<[object, string]>([
    [{ types: ['push'] }, 'types'],
    [{ events: ['pushed'] }, 'events[0]'],
    [{ events: ['webhook.disabled'] }, 'events[0]'],
    [{ events: [] }, 'events'],
    [{ since: '2026-11-25T09:00:00Z', until: '2026-11-25T09:00:00Z' }, 'until'],
    [{ ref: '' }, 'ref'],
    [{ rate_per_second: 0 }, 'rate_per_second'],
  ])('refuses %j and names the field', async (body, path) => {
    const { post } = await aRepository([]);
    const { status, json } = await post(body);
    expect([status, json.errors.map((error: any) => error.path)]).toEqual([422, [path]]);
  });
});
