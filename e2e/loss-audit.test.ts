import { readFileSync } from 'node:fs';
import { stageGroups, topicNames } from '@dits/contracts';
import { services, startReceiver, type Receiver, type Respond } from '@dits/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import kafkajs, { type Admin } from 'kafkajs';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(120_000);

// Long enough to take something away while it waits.
const TIERS = '4s,5s';
const GRACE_MS = 3_000;

interface Delivery {
  id: string;
  status: string;
  attempts: number;
  next_attempt_at: string | null;
}

let platform: Platform;
let admin: Admin;
let receiver: Receiver;
let nextRepositoryId = 6000;

beforeAll(async () => {
  admin = new kafkajs.Kafka({ brokers: [services().kafka], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  platform = await startPlatform({
    retryTiers: TIERS,
    env: { recorder: { DITS_AUDIT_INTERVAL_MS: '500', DITS_AUDIT_GRACE_MS: String(GRACE_MS) } },
  });
});
afterEach(() => receiver?.close());
afterAll(async () => {
  await platform?.stop();
  await admin?.disconnect();
});

async function aWebhook(respond?: Respond) {
  receiver = await startReceiver(respond && { respond });
  const repositoryId = nextRepositoryId++;
  const id = await platform.createWebhook(repositoryId, { url: receiver.url, events: ['push'] });
  const path = `${platform.api}/v1/repos/${repositoryId}/webhooks/${id}/deliveries`;
  return {
    post: async () => {
      const { status, json } = await platform.postEvents({
        event: 'push',
        repository: { id: repositoryId, name: 'film', full_name: 'studio/film', private: false },
        sender: { id: 456, login: 'octocat', type: 'user' },
        commits: [],
      });
      expect(status).toBe(202);
      return json.event_ids[0]!;
    },
    list: async () => (await platform.call<{ data: Delivery[] }>('GET', path)).json.data,
    detail: async (delivery: string) =>
      (
        await platform.call<{ attempts: { attempt: number; started_at: string; next_step: string }[] }>(
          'GET',
          `${path}/${delivery}`,
        )
      ).json,
  };
}

/** A metric of the recorder; 0 when it was not counted yet. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${platform.apps.recorder.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((found) => found.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}
const putBack = () => metric('dits_audit_findings_total{kind="delivery_put_back"}');
const judged = () => metric('dits_audit_runs_total{result="judged"}');

async function deleteRecords(topic: string): Promise<void> {
  const ends = await admin.fetchTopicOffsets(topic);
  const partitions = ends
    .filter(({ low, high }) => low !== high)
    .map(({ partition, high }) => ({ partition, offset: high }));
  expect(partitions).not.toEqual([]);
  await admin.deleteTopicRecords({ topic, partitions });
}

function logLines(name: string): Record<string, unknown>[] {
  return readFileSync(platform.apps.recorder.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${name}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const topics = () => topicNames(platform.prefix);
const deliveryIds = () => receiver.requests.map(({ headers }) => headers['x-dits-delivery']);

describe('the loss audit', () => {
  it('finds a retry whose record is gone from its tier, and it is delivered as the attempt it was', async () => {
    const hook = await aWebhook((_, n) => ({ status: n <= 2 ? 503 : 200 }));
    await hook.post();
    const [waiting] = await until(hook.list, ([row]) => row?.status === 'Retrying' && row.attempts === 2);
    await platform.apps.retrier.stop();
    await deleteRecords(topics().retry('4s'));
    await platform.apps.retrier.start();

    const [delivered] = await until(hook.list, ([row]) => row?.status === 'Delivered', 60_000);
    expect(delivered).toMatchObject({ id: waiting!.id, attempts: 3 });
    expect(deliveryIds()).toEqual(Array(3).fill(waiting!.id));
    expect(receiver.requests.map(({ headers }) => headers['x-dits-attempt'])).toEqual(['1', '2', '3']);
    expect(receiver.requests[2]!.rawBody).toEqual(receiver.requests[0]!.rawBody);
    const { attempts } = await hook.detail(waiting!.id);
    // The 4s tier was lost, and the grace has passed.
    expect(Date.parse(attempts[2]!.started_at) - Date.parse(waiting!.next_attempt_at!)).toBeGreaterThan(
      GRACE_MS,
    );
    expect(await putBack()).toBe(1);
    expect(logLines('audit.delivery_put_back')).toMatchObject([
      { level: 'warn', delivery_id: waiting!.id, attempt: 3 },
    ]);
  });

  it('goes on in the schedule where the lost retry was', async () => {
    const before = await putBack();
    const hook = await aWebhook(() => ({ status: 503 }));
    await hook.post();
    await until(hook.list, ([row]) => row?.status === 'Retrying' && row.attempts === 2);
    await platform.apps.retrier.stop();
    await deleteRecords(topics().retry('4s'));
    await platform.apps.retrier.start();

    // Two tiers: the immediate retry, 4s (lost and put back), 5s.
    const [failed] = await until(hook.list, ([row]) => row?.status === 'Failed', 60_000);
    const { attempts } = await hook.detail(failed!.id);
    expect(attempts.map(({ next_step }) => next_step)).toEqual([
      'immediate_retry',
      'retry',
      'retry',
      'failed',
    ]);
    expect(await putBack()).toBe(before + 1);
  });

  it('finds a delivery whose first attempt was lost', async () => {
    const before = await putBack();
    const hook = await aWebhook();
    await platform.apps.dispatcher.stop();
    await hook.post();
    const [pending] = await until(hook.list, ([row]) => row?.status === 'Pending');
    await deleteRecords(topics().deliveries);
    await platform.apps.dispatcher.start();

    await until(hook.list, ([row]) => row?.status === 'Delivered', 60_000);
    expect(deliveryIds()).toEqual([pending!.id]);
    expect(receiver.requests[0]!.headers['x-dits-attempt']).toBe('1');
    expect(await putBack()).toBe(before + 1);
  });

  it('finds an event that the router has passed over', async () => {
    const hook = await aWebhook();
    await platform.apps.router.stop();
    const eventId = await hook.post();
    const groupId = stageGroups(platform.prefix).router;
    const topic = topics().events;
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.setOffsets({
      groupId,
      topic,
      partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
    });
    await platform.apps.router.start();

    await until(hook.list, ([row]) => row?.status === 'Delivered', 60_000);
    expect(receiver.requests).toHaveLength(1);
    expect(JSON.parse(receiver.requests[0]!.rawBody.toString())).toMatchObject({ event_id: eventId });
    expect(await metric('dits_audit_findings_total{kind="event_put_back"}')).toBe(1);
    expect(logLines('audit.event_put_back')).toMatchObject([{ level: 'warn', event_id: eventId }]);
  });

  it('tells of an event that can not be put back', async () => {
    const hook = await aWebhook();
    await platform.apps.router.stop();
    // Of the test before.
    await until(
      () => metric('dits_audit_overdue{kind="event"}'),
      (overdue) => overdue === 0,
    );
    const eventId = await hook.post();
    // The history has it, so it is known to be missing.
    await until(
      () => metric('dits_audit_overdue{kind="event"}'),
      (overdue) => overdue === 1,
    );
    await deleteRecords(topics().events);
    await platform.apps.router.start();

    await until(
      () => metric('dits_audit_findings_total{kind="event_gone"}'),
      (gone) => gone === 1,
      60_000,
    );
    expect(logLines('audit.event_gone')).toMatchObject([{ level: 'error', event_id: eventId }]);
    const before = await judged();
    await until(judged, (runs) => runs >= before + 2);
    expect(logLines('audit.event_gone')).toHaveLength(1);
    expect(receiver.requests).toEqual([]);
  });

  it('does not take for lost what waits for a stage that is away', async () => {
    const before = await putBack();
    const hook = await aWebhook((_, n) => ({ status: n <= 2 ? 503 : 200 }));
    await hook.post();
    await until(hook.list, ([row]) => row?.status === 'Retrying' && row.attempts === 2);
    await platform.apps.retrier.stop();
    await until(
      () => metric('dits_audit_overdue{kind="delivery"}'),
      (overdue) => overdue === 1,
    );
    await platform.apps.retrier.start();

    await until(hook.list, ([row]) => row?.status === 'Delivered', 30_000);
    const runs = await judged();
    await until(judged, (now) => now >= runs + 2);
    expect(receiver.requests).toHaveLength(3);
    expect(await putBack()).toBe(before);
  });
});
