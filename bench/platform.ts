import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { onStopRequest, startApps, type AppName, type RunningApp } from '@dits/local';
import { benchFolder, keepServices, removeServices, startEmptyServices } from './instance.ts';

export interface PlatformOptions {
  /** Added to the environment of an app, or of all. */
  env?: Partial<Record<AppName | 'all', Record<string, string>>>;
  /** Folder for a CPU profile of each app, written when it stops. */
  profileDir?: string | undefined;
}

/** All services and apps of a benchmark. */
export interface Platform {
  gateway: string;
  token: string;
  kafka: string;
  registry: string;
  database: string;
  topicPrefix: string;
  /** Pids of the services and the apps. */
  pids(): Record<string, number>;
  apps: Record<AppName, RunningApp>;
  createWebhook(o: { repositoryId: number; url: string; events: string[] }): Promise<string>;
  deleteWebhook(o: { repositoryId: number; webhookId: string }): Promise<void>;
  /** One more, beside the first. It is stopped with the others. */
  addDispatcher(): Promise<void>;
  /** Stops everything and removes what it held. */
  stop(): Promise<void>;
}

/** Starts services with nothing in them and all apps. */
export async function startPlatform({ env = {}, profileDir }: PlatformOptions = {}): Promise<Platform> {
  const onProgress = (line: string): void => console.error(line);
  const stopped = new AbortController();
  const { signal } = stopped;
  onStopRequest(() => stopped.abort());
  let stopAll = keepServices;
  // From outside the measurement: by a signal, or because something has died.
  const endWith = (code: number): void => void stopAll().finally(() => process.exit(code));
  try {
    const services = await startEmptyServices(signal);
    const topicPrefix = `b${randomBytes(3).toString('hex')}.`;
    const profile: Record<string, string> =
      profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` };
    const all = { DITS_LOG_LEVEL: 'warn', ...profile, ...env.all };
    const apps = await startApps({
      services,
      folder: join(benchFolder, 'apps'),
      prefix: topicPrefix,
      env: { ...env, all },
      onProgress,
      onExit: (died) => {
        console.error(died.message);
        endWith(1);
      },
      signal,
    });
    const dispatchers: RunningApp[] = [];
    stopAll = async () => {
      await Promise.all([apps.stop(), ...dispatchers.map((one) => one.stop())]);
      await keepServices();
    };
    signal.addEventListener('abort', () => endWith(130));
    const servicePids = Object.fromEntries(
      Object.entries(services.processes).map(([name, { pid }]): [string, number] => [name, pid]),
    );
    return {
      gateway: apps.gateway,
      token: apps.token,
      kafka: services.kafka,
      registry: services.registry,
      database: services.database,
      topicPrefix,
      pids: () => ({
        ...servicePids,
        ...apps.pids(),
        ...Object.fromEntries(
          dispatchers.map(({ pid }, i): [string, number] => [`dispatcher ${i + 2}`, pid!]),
        ),
      }),
      apps: apps.apps,
      async createWebhook({ repositoryId, url, events }) {
        const response = await fetch(`${apps.api}/v1/repos/${repositoryId}/webhooks`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${apps.token}` },
          body: JSON.stringify({ url, events, active: true }),
        });
        if (response.status !== 201)
          throw new Error(`creating a webhook: ${response.status} ${await response.text()}`);
        return ((await response.json()) as { id: string }).id;
      },
      async deleteWebhook({ repositoryId, webhookId }) {
        const response = await fetch(`${apps.api}/v1/repos/${repositoryId}/webhooks/${webhookId}`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${apps.token}` },
        });
        if (!response.ok) throw new Error(`deleting a webhook: ${response.status} ${await response.text()}`);
      },
      async addDispatcher() {
        const { apps: more } = await startApps({
          services,
          folder: join(benchFolder, `apps-${dispatchers.length + 2}`),
          prefix: topicPrefix,
          apps: ['dispatcher'],
          env: { ...env, all: { ...all, DITS_SECRET_KEYS: apps.secrets.secretKeys } },
          onProgress,
          signal,
        });
        dispatchers.push(more.dispatcher);
      },
      async stop() {
        await stopAll();
        await removeServices();
      },
    };
  } catch (error) {
    await stopAll();
    if (signal.aborted) process.exit(130);
    throw error;
  }
}
