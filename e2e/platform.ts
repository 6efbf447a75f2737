import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { topicNames } from '@dits/contracts';
import { applyTopics, createKafka } from '@dits/kafka';
import { instanceDir, startApps, type AppName, type RunningApps } from '@dits/local';
import { createDatabase, services, uniquePrefix } from '@dits/testkit';

/** An answer of gateway or api with its JSON. */
export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  json: T;
}

/** All apps as processes of their own, on the shared services, with topics, groups and a database of their own. */
export interface Platform {
  apps: RunningApps['apps'];
  gateway: string;
  api: string;
  token: string;
  prefix: string;
  databaseUrl: string;
  folder: string;
  call<T = Record<string, unknown>>(
    method: string,
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  postEvents(events: unknown): Promise<Answer<{ event_ids: string[] }>>;
  createWebhook(
    repositoryId: number,
    webhook: { url: string; events: string[]; secret?: string; send_traceparent?: boolean },
  ): Promise<string>;
  /** A second process of an app beside the first, with a token of its own; stop it before the platform. */
  startAnother(app: 'api' | 'gateway'): Promise<{ url: string; token: string; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

export interface StartPlatformOptions {
  /** Added to the environment of an app, or of all. */
  env?: Partial<Record<AppName | 'all', Record<string, string>>>;
  /** DITS_RETRY_TIERS of all apps; a tier that topics.yaml does not have gets its topic. */
  retryTiers?: string;
  signal?: AbortSignal;
}

/** Starts them. */
export async function startPlatform(o: StartPlatformOptions = {}): Promise<Platform> {
  const prefix = uniquePrefix();
  const folder = join(instanceDir('test'), `e2e-${prefix.slice(0, -1)}`);
  mkdirSync(folder, { recursive: true });
  const database = await createDatabase();
  const { retryTiers } = o;
  if (retryTiers !== undefined) {
    const place = { brokers: services().kafka, replication: 1, prefix, folder };
    await createTierTopics({ tiers: retryTiers.split(','), ...place });
  }
  const shared = {
    services: services(),
    prefix,
    databaseUrl: database.url,
    env: {
      ...o.env,
      all: { ...o.env?.all, ...(retryTiers !== undefined && { DITS_RETRY_TIERS: retryTiers }) },
    },
    signal: o.signal,
  };
  const running = await startApps({ ...shared, folder });
  const call: Platform['call'] = async (method, url, body, headers = {}) => {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${running.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      json: (text ? JSON.parse(text) : {}) as never,
    };
  };
  return {
    apps: running.apps,
    gateway: running.gateway,
    api: running.api,
    token: running.token,
    prefix,
    databaseUrl: database.url,
    folder,
    call,
    postEvents: (events) => call('POST', `${running.gateway}/v1/events`, events),
    async createWebhook(repositoryId, webhook) {
      const { status, json } = await call<{ id: string }>(
        'POST',
        `${running.api}/v1/repos/${repositoryId}/webhooks`,
        { active: true, ...webhook },
      );
      if (status !== 201) throw new Error(`creating a webhook: ${status} ${JSON.stringify(json)}`);
      return json.id;
    },
    async startAnother(app) {
      const other = await startApps({ ...shared, folder: join(folder, `another-${app}`), apps: [app] });
      return { url: other[app], token: other.token, stop: () => other.stop() };
    },
    async stop() {
      await running.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As whoever sets other tiers than those of topics.yaml has to. */
export async function createTierTopics(o: {
  tiers: string[];
  prefix: string;
  folder: string;
  brokers: string;
  replication: number;
}): Promise<void> {
  const { retry } = topicNames();
  const topics = o.tiers.map((tier) => ({ name: retry(tier), partitions: 3, config: {} }));
  const file = join(o.folder, 'tier-topics.yaml');
  const defaults = { 'min.insync.replicas': Math.min(2, o.replication) };
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify({ replication: o.replication, defaults, topics }));
  const kafka = createKafka({ brokers: o.brokers.split(','), clientId: 'e2e', log: quiet });
  await applyTopics({ kafka, file, prefix: o.prefix });
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Asks until the answer satisfies, at most `timeoutMs`; then throws with the last answer. */
export async function until<T>(
  ask: () => Promise<T>,
  satisfies: (answer: T) => boolean,
  timeoutMs = 20_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`not so within ${timeoutMs} ms: ${JSON.stringify(answer)?.slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
