import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
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
    webhook: { url: string; events: string[]; secret?: string },
  ): Promise<string>;
  stop(): Promise<void>;
}

/** Starts them; `env` is added to the environment of an app, or of all. */
export async function startPlatform(
  o: { env?: Partial<Record<AppName | 'all', Record<string, string>>> } = {},
): Promise<Platform> {
  const prefix = uniquePrefix();
  const folder = join(instanceDir('test'), `e2e-${prefix.slice(0, -1)}`);
  mkdirSync(folder, { recursive: true });
  const database = await createDatabase();
  const running = await startApps({
    services: services(),
    folder,
    prefix,
    databaseUrl: database.url,
    env: o.env ?? {},
  });
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
    async stop() {
      await running.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

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
