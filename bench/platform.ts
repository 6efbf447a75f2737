import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  instanceDir,
  onStopRequest,
  startApps,
  startServices,
  stopServices,
  type AppName,
} from '@dits/local';

const INSTANCE = 'bench';

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
  createWebhook(o: { repositoryId: number; url: string; events: string[] }): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the services of the `bench` instance and all apps, under a topic prefix of this run's own. */
export async function startPlatform({ env = {}, profileDir }: PlatformOptions = {}): Promise<Platform> {
  const onProgress = (line: string): void => console.error(line);
  const stopped = new AbortController();
  const { signal } = stopped;
  onStopRequest(() => stopped.abort());
  let stopAll = (): Promise<void> => stopServices({ instance: INSTANCE, onProgress });
  // From outside the measurement: by a signal, or because something has died.
  const endWith = (code: number): void => void stopAll().finally(() => process.exit(code));
  try {
    const services = await startServices({ instance: INSTANCE, onProgress, signal });
    const topicPrefix = `b${randomBytes(3).toString('hex')}.`;
    const profile: Record<string, string> =
      profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` };
    const apps = await startApps({
      services,
      folder: join(instanceDir(INSTANCE), 'apps'),
      prefix: topicPrefix,
      env: { ...env, all: { DITS_LOG_LEVEL: 'warn', ...profile, ...env.all } },
      onProgress,
      onExit: (died) => {
        console.error(died.message);
        endWith(1);
      },
      signal,
    });
    const stopServicesOnly = stopAll;
    stopAll = () => apps.stop().then(stopServicesOnly);
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
      pids: () => ({ ...servicePids, ...apps.pids() }),
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
      stop: () => stopAll(),
    };
  } catch (error) {
    await stopAll();
    if (signal.aborted) process.exit(130);
    throw error;
  }
}
