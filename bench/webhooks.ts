import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundledSchemas, EventCatalogue, topicNames, type WebhookSnapshot } from '@dits/contracts';
import { WebhookTable } from '@dits/domain';
import { BatchingProducer, createCodec, createKafka } from '@dits/kafka';
import { startPlatform, type Platform } from './platform.ts';
import { spread } from './statistics.ts';

export interface WebhooksOptions {
  /** In the table that is matched against. */
  webhooks: number;
  /** On the topic that a router and a dispatcher read. */
  followed: number;
  runs: number;
}

const REPOSITORIES = 10_000;
const MATCHES = 1_000_000;
const PRODUCE_AT_ONCE = 2_000;
const EVENTS = ['push', 'push.tag', 'branch.created', 'lock.acquired', 'repo.updated'];
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** What very many webhooks cost: time to match an event, and memory of a router and a dispatcher. */
export async function webhooks({ webhooks: count, followed, runs }: WebhooksOptions): Promise<object> {
  const matching = matchAgainst(count, runs);
  const memory = await memoryOf(followed, runs);
  return { bench: 'webhooks', webhooks: count, repositories: REPOSITORIES, matching, followed, memory };
}

/** µs for one match, by what it finds. */
function matchAgainst(count: number, runs: number): Record<string, object> {
  const table = new WebhookTable();
  for (let i = 0; i < count; i++) table.apply(aWebhook(i, 1 + (i % REPOSITORIES)));
  const scopes = {
    'nothing: an event that no webhook of its repository takes': { event: 'member.added', known: true },
    'nothing: a repository without webhooks': { event: 'push', known: false },
    [`${table.match(scopeOf(0, { event: 'push', known: true })).length} webhooks`]: {
      event: 'push',
      known: true,
    },
  };
  const results: Record<string, object> = {};
  for (const [name, scope] of Object.entries(scopes)) {
    const matches = name.startsWith('nothing') ? MATCHES : MATCHES / 20;
    const times: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const startedAtMs = performance.now();
      let found = 0;
      for (let i = 0; i < matches; i++) found += table.match(scopeOf(i, scope)).length;
      const us = ((performance.now() - startedAtMs) * 1000) / matches;
      if (name.startsWith('nothing') !== (found === 0)) throw new Error(`${name}: found ${found}`);
      // The first run is the compiler's.
      if (run > 0) times.push(us);
    }
    results[name] = spread(times, 3);
    console.log(`${count} webhooks, ${name}: ${JSON.stringify(results[name])} µs`);
  }
  return results;
}

function scopeOf(i: number, { event, known }: { event: string; known: boolean }) {
  return { event, repositoryId: 1 + (i % REPOSITORIES) + (known ? 0 : 1_000_000), ownerLogin: 'user' };
}

function aWebhook(i: number, repositoryId: number): WebhookSnapshot {
  return {
    webhook_id: randomUUID(),
    version: 1,
    repository_id: repositoryId,
    owner_login: null,
    url: `https://hooks.example.com/receivers/${i}`,
    events: [EVENTS[i % EVENTS.length]!],
    // As long as a sealed one is.
    secrets: [{ sealed: `v1.k1.${'s'.repeat(104)}` }],
    active: true,
    retry_statuses: [],
    created_at_ms: 1_764_000_000_000,
    updated_at_ms: 1_764_000_000_000,
  };
}

/** Resident memory of a router and a dispatcher that learn so many webhooks, each run with new ones of both. */
async function memoryOf(count: number, runs: number): Promise<Record<string, object>> {
  const measured: { before: Resident; after: Resident }[] = [];
  for (let run = 1; run <= runs; run++) {
    const platform = await startPlatform();
    try {
      const before = residentMb(platform);
      await produceWebhooks(platform, count);
      await untilKnown(platform, count);
      measured.push({ before, after: residentMb(platform) });
      console.log(`run ${run}: ${count} webhooks followed, MB ${JSON.stringify(measured.at(-1))}`);
    } finally {
      await platform.stop();
    }
  }
  const spreadOf = (mb: (run: (typeof measured)[number], app: Follower) => number) =>
    Object.fromEntries(FOLLOWERS.map((app) => [app, spread(measured.map((run) => mb(run, app)))]));
  const before = spreadOf((run, app) => run.before[app]);
  const ofWebhooks = spreadOf((run, app) => run.after[app] - run.before[app]);
  console.log(`MB that ${count} webhooks take:`);
  console.table(ofWebhooks);
  return Object.fromEntries(
    FOLLOWERS.map((app) => [app, { before_mb: before[app], of_webhooks_mb: ofWebhooks[app] }]),
  );
}

const FOLLOWERS = ['router', 'dispatcher'] as const;

type Follower = (typeof FOLLOWERS)[number];
type Resident = Record<Follower, number>;

function residentMb({ apps }: Platform): Resident {
  return Object.fromEntries(
    FOLLOWERS.map((name) => {
      const status = readFileSync(`/proc/${apps[name].pid}/status`, 'utf8');
      return [name, Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1000)];
    }),
  ) as Resident;
}

async function produceWebhooks(
  { kafka: broker, registry, topicPrefix }: Platform,
  count: number,
): Promise<void> {
  const kafka = createKafka({ brokers: [broker], clientId: 'bench', log: quiet });
  const topics = topicNames(topicPrefix);
  const catalogue = new EventCatalogue(bundledSchemas);
  const codec = createCodec({ registryUrl: registry, catalogue, topics, log: quiet });
  const producer = new BatchingProducer({ kafka, log: quiet });
  await Promise.all([codec.register(), producer.connect()]);
  for (let sent = 0; sent < count; sent += PRODUCE_AT_ONCE) {
    const some = Array.from({ length: Math.min(PRODUCE_AT_ONCE, count - sent) }, (_, i) => {
      const webhook = aWebhook(sent + i, 1 + ((sent + i) % REPOSITORIES));
      return { topic: topics.webhooks, key: webhook.webhook_id, value: codec.encode('webhook', webhook) };
    });
    await producer.sendAll(some);
  }
  await producer.close();
}

async function untilKnown({ apps }: Platform, count: number): Promise<void> {
  for (const name of FOLLOWERS) {
    for (;;) {
      const ready = await (await fetch(`${apps[name].adminUrl}/readyz`)).text();
      if (Number(/"webhooks":(\d+)/.exec(ready)?.[1]) >= count) break;
      await sleep(500);
    }
  }
  // What reading has left behind is collected, or is not.
  await sleep(5_000);
}
