import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { generateSecret } from '@dits/signing';
import { startReceiver } from '@dits/testkit';
import { sampleReceivers, startSampleReceiver, type RunningReceiver } from './conformance-receivers.ts';
import { openEventsTopic, type EventsTopic } from './events-topic.ts';
import { makeGitRepository, type GitRepository } from './git-repository.ts';
import { deliveredTo } from './history.ts';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(180_000);

const MAX_EVENT_BYTES = 1_048_576;
const MAX_BODY_BYTES = 100_000;
// max.message.bytes of dits.events, less what Kafka adds to a record: its batch, key, and headers.
const MAX_RECORD_BYTES = 2_097_152 - 200;

interface Commit {
  id: string;
  message: string;
  author: { name: string; email: string };
  added?: string[];
  modified?: string[];
  removed?: string[];
}
interface Push {
  event: string;
  repository: { id: number; description?: string };
  commits: Commit[];
  head_commit: Commit;
  total_commits?: number;
  commits_truncated?: boolean;
  [field: string]: unknown;
}

let platform: Platform;
let topic: EventsTopic;
/** The seed's handler in Express. */
let express: RunningReceiver;
const secret = generateSecret();
let lastRepositoryId = 5_000_000;

beforeAll(async () => {
  platform = await startPlatform();
  topic = await openEventsTopic(platform);
  express = await startSampleReceiver(
    sampleReceivers.find(({ name }) => name === 'node-express')!,
    { secret },
  );
});
afterAll(async () => {
  await platform?.stop();
  await topic?.close();
  await express?.stop();
});

function pathsOf(commit: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `footage/szene ${commit}/take-${i}/🎬.mov`);
}

/** A push of 10,000 commits, the newest of which have long lists; its description is what makes it `bytes` of JSON. */
function aLargePush(bytes: number): Push {
  const commits = Array.from({ length: 10_000 }, (_, i): Commit => ({
    id: i.toString(16).padStart(12, '0'),
    message: `Take ${i}`,
    author: { name: 'Zoë', email: 'z@e' },
    ...(i >= 9_900 && { added: pathsOf(i, 40), removed: pathsOf(i, 10) }),
  }));
  const push: Push = {
    event: 'push',
    repository: {
      ...{ id: ++lastRepositoryId, name: 'p', full_name: 'user/p', private: false },
      description: '',
    },
    sender: { id: 456, login: 'zoe', type: 'user' },
    commits,
    head_commit: commits.at(-1)!,
    ref: 'refs/heads/main',
  };
  push.repository.description = 'd'.repeat(bytes - Buffer.byteLength(JSON.stringify(push)));
  return push;
}

async function aWebhook({ repository: { id } }: Pick<Push, 'repository'>): Promise<string> {
  return platform.createWebhook(id, { url: express.url, events: ['push'], secret });
}

/** What the seed's handler has verified, as the history has it. */
async function verifiedBody(repositoryId: number, webhookId: string): Promise<{ text: string; body: Push }> {
  const { id, request } = await deliveredTo(platform, { repositoryId, webhookId });
  await until(
    async () => express.hasVerified('push', id),
    (isVerified) => isVerified,
  );
  return { text: request.body, body: JSON.parse(request.body) as Push };
}

function expectTrimmed({ text, body }: { text: string; body: Push }, push: Push): void {
  const bytes = Buffer.byteLength(text);
  expect(bytes).toBeLessThanOrEqual(MAX_BODY_BYTES);
  const { commits, head_commit, commits_truncated, total_commits } = body;
  expect({ commits_truncated, total_commits }).toEqual({
    commits_truncated: true,
    total_commits: push.commits.length,
  });
  expect(commits).toEqual(push.commits.slice(-commits.length));
  expect(commits.length).toBeGreaterThan(0);
  expect(head_commit).toEqual(push.head_commit);
  // The next older one would not fit.
  const next = push.commits.at(-commits.length - 1);
  expect(bytes + 1 + Buffer.byteLength(JSON.stringify(next))).toBeGreaterThan(MAX_BODY_BYTES);
}

describe('a push of 10,000 commits', () => {
  it('is accepted at exactly 1 MiB, and its newest commits arrive', async () => {
    const push = aLargePush(MAX_EVENT_BYTES);
    const text = JSON.stringify(push);
    expect(Buffer.byteLength(text)).toBe(MAX_EVENT_BYTES);
    const webhookId = await aWebhook(push);
    const { status } = await platform.call('POST', `${platform.gateway}/v1/events`, text);
    expect(status).toBe(202);
    expectTrimmed(await verifiedBody(push.repository.id, webhookId), push);
  });

  it('is refused one byte above, and the answer says the limit', async () => {
    const push = aLargePush(MAX_EVENT_BYTES + 1);
    for (const [events, path] of [
      [push, ''],
      [[push], 'events[0]'],
    ] as const) {
      const { status, json } = await platform.postEvents(events);
      expect(status).toBe(413);
      expect(json).toMatchObject({
        code: 'event_too_large',
        detail: expect.stringMatching(/is larger than 1048576 bytes$/),
        errors: [{ path, message: 'is larger than 1048576 bytes' }],
      });
    }
  });

  it('arrives from Kafka up to the limit of the topic', async () => {
    const push = aLargePush(MAX_EVENT_BYTES);
    push.repository.description = 'd'.repeat(20_000);
    for (const [i, commit] of push.commits.entries()) commit.modified = pathsOf(i, i % 4);
    const encode = (): Buffer =>
      topic.encode({ ...push, event_id: crypto.randomUUID(), occurred_at: '2026-11-25T09:12:14Z' });
    push.commits[0]!.message = 'm'.repeat(MAX_RECORD_BYTES - encode().length - 2);
    const value = encode();
    expect(value.length).toBeGreaterThan(MAX_RECORD_BYTES - 10);
    const webhookId = await aWebhook(push);
    await topic.produce([{ key: String(push.repository.id), value }]);
    expectTrimmed(await verifiedBody(push.repository.id, webhookId), push);
  });
});

describe('a git push', () => {
  const events: { bytes: number; event: Push }[] = [];

  /** A repository whose hook reaches the gateway by way of somebody who weighs each event. */
  async function aRepository(name: string): Promise<{ project: GitRepository; work: string; id: number }> {
    const id = ++lastRepositoryId;
    const scales = await startReceiver({
      respond: async ({ path, rawBody, headers }) => {
        for (const event of JSON.parse(rawBody.toString()) as Push[])
          events.push({ event, bytes: Buffer.byteLength(JSON.stringify(event)) });
        const { authorization = '', 'content-type': type = '' } = headers;
        const answer = await fetch(`${platform.gateway}${path}`, {
          method: 'POST',
          headers: { authorization, 'content-type': type },
          body: rawBody,
        });
        return { status: answer.status, body: await answer.text() };
      },
    });
    closing.push(() => scales.close());
    const folder = `${platform.folder}/${name}`;
    const gateway = new URL(scales.url).origin;
    const project = await makeGitRepository({ ...platform, gateway, folder, repositoryId: id });
    return { project, work: join(folder, 'project'), id };
  }
  const closing: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const close of closing) await close();
  });

  it('of 5,000 commits with long lists of files stays within 1 MiB, and its newest commits arrive', async () => {
    const { project, work, id } = await aRepository('many-commits');
    const webhookId = await aWebhook({ repository: { id } });
    fastImport(work, 5_000, (i) => pathsOf(i, 10));
    await project.git('push', '--quiet', 'origin', 'main');
    await project.flush();

    const { text, body } = await verifiedBody(id, webhookId);
    const [sent] = events.filter(({ event }) => event.repository.id === id);
    expect(sent!.bytes).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BODY_BYTES);
    expect(body).toMatchObject({ commits_truncated: true, total_commits: 5_000 });
    const newestFirst = (await project.git('rev-list', `--max-count=${body.commits.length}`, 'main'))
      .trim()
      .split('\n');
    expect(body.commits.map((commit) => commit.id).reverse()).toEqual(newestFirst);
    expect(body.commits.length).toBeGreaterThan(50);
    expect(body.head_commit).toMatchObject({ id: newestFirst[0], message: 'Take 4999' });
  });

  it('of one commit of 10,000 files and a message of a megabyte arrives with its head', async () => {
    const { project, work, id } = await aRepository('large-commit');
    const webhookId = await aWebhook({ repository: { id } });
    fastImport(work, 1, () => pathsOf(0, 10_000), '\u0001"🎬'.repeat(150_000));
    await project.git('push', '--quiet', 'origin', 'main');
    await project.flush();

    const { text, body } = await verifiedBody(id, webhookId);
    const [sent] = events.filter(({ event }) => event.repository.id === id);
    expect(sent!.bytes).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BODY_BYTES);
    const head = (await project.git('rev-parse', 'main')).trim();
    expect(body.head_commit).toMatchObject({ id: head });
    expect(sent!.event.head_commit.message.startsWith(body.head_commit.message)).toBe(true);
    expect(body.head_commit.message.length).toBeGreaterThan(10_000);
  });
});

/** Commits without a process for each: `git commit` would take minutes. */
function fastImport(
  work: string,
  count: number,
  paths: (commit: number) => string[],
  message = 'Take',
): void {
  const parts: string[] = ['blob\nmark :1\ndata 6\nframes\n'];
  for (let i = 0; i < count; i++) {
    const text = `${message} ${i}`;
    parts.push(`commit refs/heads/main\ncommitter Zoë <zoe@example.com> ${1_700_000_000 + i} +0000\n`);
    parts.push(`data ${Buffer.byteLength(text)}\n${text}\n`);
    // Without the files of the commit before: the trees stay small, and the lists get longer.
    parts.push('deleteall\n');
    for (const path of paths(i)) parts.push(`M 100644 :1 ${path}\n`);
  }
  execFileSync('git', ['fast-import', '--quiet'], { cwd: work, input: parts.join('') });
}
