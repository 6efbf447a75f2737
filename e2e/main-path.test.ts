import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { bundledSchemas, EventCatalogue, topicNames } from '@dits/contracts';
import { BatchingProducer, createCodec, createKafka } from '@dits/kafka';
import { verifyHubSignature, verifyStandard } from '@dits/signing';
import { services, startReceiver, type ReceivedRequest, type Receiver } from '@dits/testkit';
import { makeGitRepository } from './git-repository.ts';
import { startPlatform, until, type Answer, type Platform } from './platform.ts';

jest.setTimeout(180_000);

const secret = 'your_webhook_secret';
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let platform: Platform;
let receiver: Receiver;
let nextRepositoryId = 1000;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => {
  await platform?.stop();
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await receiver.close();
});

interface DeliveryRow {
  id: string;
  status: string;
  event: string;
}
interface DeliveryDetail extends DeliveryRow {
  request: { body: string };
  attempts: {
    attempt: number;
    request: { headers: Record<string, string> };
    response: { status: number } | null;
  }[];
}

const bodyOf = (request: ReceivedRequest): Record<string, unknown> =>
  JSON.parse(request.rawBody.toString()) as Record<string, unknown>;
/** Those event ids that did not reach the receiver so far. */
function missing(eventIds: string[], from: Receiver): string[] {
  const reached = new Set(from.requests.map((request) => bodyOf(request).event_id));
  return eventIds.filter((id) => !reached.has(id));
}

function repository(id: number): object {
  return { id, name: 'project', full_name: 'studio/project', private: false };
}
function aPush(repositoryId: number, message = 'Add new footage'): Record<string, unknown> {
  return {
    event: 'push',
    repository: repository(repositoryId),
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [{ id: 'abc123', message, author: { name: 'Octocat', email: 'octocat@example.com' } }],
    head_commit: { id: 'abc123', message },
  };
}

async function history(repositoryId: number, webhookId: string): Promise<DeliveryRow[]> {
  const rows: DeliveryRow[] = [];
  let next: string | null =
    `${platform.api}/v1/repos/${repositoryId}/webhooks/${webhookId}/deliveries?limit=100`;
  while (next) {
    const page: Answer<{ data: DeliveryRow[] }> = await platform.call<{ data: DeliveryRow[] }>('GET', next);
    expect(page.status).toBe(200);
    rows.push(...page.json.data);
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1] ?? null;
    if (next) next = new URL(next, platform.api).href;
  }
  return rows;
}

describe('a git push', () => {
  it('reaches the receiver signed, and its history shows what was sent', async () => {
    const repositoryId = nextRepositoryId++;
    const webhookId = await platform.createWebhook(repositoryId, {
      url: receiver.url,
      events: ['*'],
      secret,
    });
    const project = await makeGitRepository({
      ...platform,
      folder: `${platform.folder}/git-one`,
      repositoryId,
    });
    const head = await project.commit('footage/tåke 01.mov', 'frames', 'Add new footage 🎬\n\nTwo takes.');
    await project.git('push', '--quiet', 'origin', 'main');

    const [request] = await receiver.waitFor(1);
    const { rawBody, headers } = request!;
    expect(verifyHubSignature({ secret, body: rawBody, signature: headers['x-hub-signature-256'] })).toEqual({
      ok: true,
    });
    expect(JSON.stringify(bodyOf(request!))).toBe(rawBody.toString());
    expect(bodyOf(request!)).toMatchObject({
      event: 'push',
      repository: { id: repositoryId, full_name: 'studio/project' },
      sender: { login: 'zoe' },
      commits: [{ id: head, message: 'Add new footage 🎬\n\nTwo takes.', added: ['footage/tåke 01.mov'] }],
      head_commit: { id: head },
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-dits-event': 'push',
      'x-dits-attempt': '1',
      'x-dits-webhook-id': webhookId,
      'webhook-id': headers['x-dits-delivery'],
    });
    expect(headers['user-agent']).toMatch(/^Dits-Webhooks\/\d/);
    expect(
      verifyStandard({
        secret,
        body: rawBody,
        headers: {
          id: headers['webhook-id'],
          timestamp: headers['webhook-timestamp'],
          signature: headers['webhook-signature'],
        },
        nowMs: Date.now(),
      }),
    ).toEqual({ ok: true });

    const [row] = await until(
      () => history(repositoryId, webhookId),
      (rows) => rows[0]?.status === 'Delivered',
    );
    const detail = await platform.call<DeliveryDetail>(
      'GET',
      `${platform.api}/v1/repos/${repositoryId}/webhooks/${webhookId}/deliveries/${row!.id}`,
    );
    expect(row!.id).toBe(headers['x-dits-delivery']);
    expect(detail.json.request.body).toBe(rawBody.toString());
    expect(detail.json.attempts).toMatchObject([{ attempt: 1, response: { status: 200 } }]);
  });

  it('of many refs at once is one event a ref, none lost', async () => {
    const repositoryId = nextRepositoryId++;
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['*'], secret });
    const project = await makeGitRepository({
      ...platform,
      folder: `${platform.folder}/git-many`,
      repositoryId,
    });
    await project.commit('a', '1', 'one');
    for (let i = 0; i < 60; i++) await project.git('branch', `grade/${i}`);
    await project.git('tag', '-a', '-m', 'Cut 4, for review', 'cut-4');
    await project.git('push', '--quiet', 'origin', '--all');
    await project.git('push', '--quiet', 'origin', '--tags');
    await project.git('commit', '--quiet', '--amend', '-m', 'one, again');
    await project.git('push', '--quiet', '--force', 'origin', 'main', ':grade/0');

    await receiver.waitFor(61 + 1 + 2, 30_000);
    const refs = receiver.requests.map(
      (request) => `${bodyOf(request).event as string} ${bodyOf(request).ref as string}`,
    );
    expect(refs).toContain('push.force refs/heads/main');
    expect(refs).toContain('branch.deleted refs/heads/grade/0');
    expect(refs.filter((line) => line.endsWith('refs/tags/cut-4'))).toHaveLength(1);
    expect(refs.filter((line) => /^(push|branch\.created) refs\/heads\/grade\//.test(line))).toHaveLength(60);
    expect(new Set(refs).size).toBe(64);
  });

  it('succeeds while the gateway is away, and its events come later', async () => {
    const repositoryId = nextRepositoryId++;
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['*'], secret });
    const project = await makeGitRepository({
      ...platform,
      folder: `${platform.folder}/git-away`,
      repositoryId,
    });
    await project.commit('a', '1', 'one');
    await platform.apps.gateway.stop();
    await project.git('push', '--quiet', 'origin', 'main');
    expect(receiver.requests).toHaveLength(0);
    await platform.apps.gateway.start();
    await project.flush();
    await receiver.waitFor(1);
    expect(bodyOf(receiver.requests[0]!)).toMatchObject({ event: 'push', ref: 'refs/heads/main' });
  });
});

describe('an event', () => {
  it('of every type is delivered as a fixed point of JSON', async () => {
    const repositoryId = nextRepositoryId++;
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['*'], secret });
    const posted = bundledSchemas.events.map(({ example }) => {
      const { event_id: _, ...event } = example;
      return { ...event, repository: { ...(example.repository as object), id: repositoryId } };
    });
    const { status, json } = await platform.postEvents(posted);
    expect(status).toBe(202);
    expect(json.event_ids).toHaveLength(13);
    await receiver.waitFor(13);
    for (const [i, event] of posted.entries()) {
      const request = receiver.requests.find((candidate) => bodyOf(candidate).event_id === json.event_ids[i]);
      expect(request?.rawBody.toString()).toBe(JSON.stringify(bodyOf(request!)));
      expect(bodyOf(request!)).toEqual({ ...event, event_id: json.event_ids[i] });
    }
  });

  it('with an id that was posted before is delivered once', async () => {
    const repositoryId = nextRepositoryId++;
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['push'] });
    const event = { ...aPush(repositoryId), event_id: crypto.randomUUID() };
    for (let i = 0; i < 3; i++) expect((await platform.postEvents(event)).status).toBe(202);
    const last = await platform.postEvents(aPush(repositoryId, 'the last one'));
    await receiver.waitFor((requests) => requests.some((r) => bodyOf(r).event_id === last.json.event_ids[0]));
    expect(receiver.requests).toHaveLength(2);
  });

  it('produced to Kafka by another client is delivered like a posted one', async () => {
    const repositoryId = nextRepositoryId++;
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['lock.*'] });
    const catalogue = new EventCatalogue(bundledSchemas);
    const topics = topicNames(platform.prefix);
    const codec = createCodec({ registryUrl: services().registry, catalogue, topics, log: quiet });
    await codec.register();
    const kafka = createKafka({ brokers: [services().kafka], clientId: 'platform-service', log: quiet });
    const producer = new BatchingProducer({ kafka, log: quiet });
    await producer.connect();
    const { event: _, ...lock } = catalogue.find('lock.acquired')!.example;
    const key = String(repositoryId);
    const value = codec.encodeEvent(catalogue.find('lock.acquired')!, {
      ...lock,
      repository: {
        ...repository(repositoryId),
        owner: null,
        description: null,
        default_branch: null,
        url: null,
      },
      event_id: crypto.randomUUID(),
    });
    await producer.sendAll([
      { topic: topics.events, key, value: Buffer.from('not avro') },
      { topic: topics.events, key, value },
    ]);
    await producer.close();
    await receiver.waitFor(1);
    expect(bodyOf(receiver.requests[0]!)).toMatchObject({
      event: 'lock.acquired',
      lock: { id: 'lock-1207' },
    });
  });

  it('posted right after the 201 of its webhook always reaches it, 500 times', async () => {
    const rounds = 500;
    const base = 1_000_000;
    const refused: number[] = [];
    const round = async (i: number): Promise<void> => {
      await platform.createWebhook(base + i, { url: receiver.url, events: ['push'] });
      const { status } = await platform.postEvents(aPush(base + i));
      if (status !== 202) refused.push(i);
    };
    // Each by itself, so that the router is asked all the time, and sometimes knows already how far the webhooks go.
    let next = 0;
    const oneAfterAnother = async (): Promise<void> => {
      while (next < rounds) await round(next++);
    };
    await Promise.all(Array.from({ length: 8 }, oneAfterAnother));
    await receiver.waitFor(rounds, 60_000);
    expect(refused).toEqual([]);
    const reached = new Set(
      receiver.requests.map((request) => (bodyOf(request).repository as { id: number }).id),
    );
    expect(reached.size).toBe(rounds);
  });
});

describe('stopping and starting', () => {
  it.each(['router', 'dispatcher', 'retrier', 'recorder', 'api', 'gateway'] as const)(
    'the %s loses nothing that was accepted',
    async (app) => {
      const repositoryId = nextRepositoryId++;
      const webhookId = await platform.createWebhook(repositoryId, { url: receiver.url, events: ['push'] });
      const accepted: string[] = [];
      const post = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          // A gateway that is away refuses the connection: nothing was accepted then.
          const answer = await platform
            .postEvents([aPush(repositoryId), aPush(repositoryId)])
            .catch(() => null);
          if (answer?.status === 202) accepted.push(...answer.json.event_ids);
        }
      };
      const postDuring = async (change: Promise<void>): Promise<void> => {
        let over = false;
        const ended = change.finally(() => (over = true));
        while (!over && accepted.length < 300) await post(1);
        await ended;
      };
      await post(10);
      await postDuring(platform.apps[app].stop());
      await post(10);
      await postDuring(platform.apps[app].start());
      await postDuring(platform.apps[app].kill());
      await platform.apps[app].start();
      await post(10);

      expect(accepted.length).toBeGreaterThan(20);
      await until(
        () => Promise.resolve(missing(accepted, receiver)),
        (ids) => ids.length === 0,
        60_000,
      );
      const rows = await until(
        () => history(repositoryId, webhookId),
        (found) => found.filter((row) => row.status === 'Delivered').length >= accepted.length,
        30_000,
      );
      // An event whose 202 was cut off by the kill may be there too; nothing may be there twice.
      expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
      expect(rows.every((row) => row.status === 'Delivered')).toBe(true);
    },
  );
});
