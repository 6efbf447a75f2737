import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  appNames,
  instanceDir,
  resetInstance,
  startApps,
  startDatabaseAndRegistry,
  startKafkaCluster,
  stopServices,
  type AppName,
  type KafkaCluster,
  type RunningApps,
} from '@dits/local';
import { createTierTopics } from '../platform.ts';
import { post } from './post.ts';
import { startReceivers, type Arrival, type Receivers } from './receivers.ts';
import { makeSmallDisk, removeSmallDisk, type SmallDisk } from './small-disk.ts';
import { startTcpProxy, type ProxyState, type TcpProxy } from './tcp-proxy.ts';

export interface ChaosWebhook {
  id: string;
  repositoryId: number;
  events: string[];
}

/** Everything a chaos run has, and may break. */
export interface Rig {
  instance: string;
  gateway: string;
  api: string;
  token: string;
  apps: RunningApps['apps'];
  cluster: KafkaCluster;
  receivers: Receivers;
  database: string;
  /** Null where this machine lets nobody make one. */
  disk: SmallDisk | null;
  /** Also those that are made while it runs. */
  webhooks: ChaosWebhook[];
  /** Apps that ended by themselves, since it was asked last. */
  takeDeaths(): string[];
  createWebhook(webhook: Omit<ChaosWebhook, 'id'>): Promise<ChaosWebhook | null>;
  /** Lets nothing pass between an app and all brokers, or lets it pass again. */
  cutFromKafka(app: AppName, state: ProxyState): void;
  /** Sets an app's clock off by so much. */
  shiftClock(app: AppName, offsetMs: number): void;
  /** Starts of Postgres and the registry what does not run. */
  reviveServices(): Promise<void>;
  stop(): Promise<void>;
}

export interface RigOptions {
  instance: string;
  brokers: number;
  onArrival: (arrival: Arrival) => void;
  onProgress: (line: string) => void;
  signal: AbortSignal;
}

const RECEIVERS = 4;
const REPOSITORIES = 8;
// Short, so that a run sees the whole schedule; long enough together that no fault outlasts it.
const TIERS = '1s,2s,4s,8s,15s,30s,60s';

export async function startRig(o: RigOptions): Promise<Rig> {
  const { instance, brokers, onProgress, signal } = o;
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const disk = await freshInstance(instance);
    undo.push(async () => disk?.remove());
    undo.push(() => stopServices({ instance }));
    const revive = () => startDatabaseAndRegistry({ instance, onProgress, signal });
    const proxies = new Map<string, TcpProxy[]>();
    undo.push(() => Promise.all([...proxies.values()].flat().map((proxy) => proxy.close())));
    const starting = startKafkaCluster({
      folder: join(instanceDir(instance), 'cluster'),
      nodes: brokers,
      doors: appNames.map((app) => app.toUpperCase()),
      advertise: async ({ name, port }) => {
        const proxy = await startTcpProxy(port);
        proxies.set(name, [...(proxies.get(name) ?? []), proxy]);
        return proxy.port;
      },
      onProgress,
      signal,
    });
    undo.push(() => starting.then((started) => started.stop()).catch(() => {}));
    const [{ folder, registry, database }, cluster] = await Promise.all([revive(), starting]);
    const receivers = await startReceivers(RECEIVERS, o.onArrival);
    undo.push(() => receivers.close());
    const prefix = 'chaos.';
    const replication = brokers;
    await createTierTopics({
      tiers: TIERS.split(','),
      prefix,
      folder,
      brokers: cluster.brokers,
      replication,
    });
    const deaths: string[] = [];
    const clockFile = (app: AppName): string => join(folder, `clock-${app}`);
    const running = await startApps({
      services: { kafka: cluster.brokers, registry, database },
      folder: join(folder, 'apps'),
      prefix,
      replication,
      env: { all: COMMON_SETTINGS, ...settingsOf({ cluster, clockFile }) },
      onExit: (died) => deaths.push(died.process),
      onProgress,
      signal,
    });
    undo.push(() => running.stop());
    const { apps, gateway, api, token } = running;
    const webhooks: ChaosWebhook[] = [];
    const rig: Rig = {
      ...{ instance, gateway, api, token, apps, cluster, receivers, database, disk, webhooks },
      takeDeaths: () => deaths.splice(0),
      async createWebhook(webhook) {
        const url = receivers.urls[webhooks.length % RECEIVERS]!;
        const to = `${api}/v1/repos/${webhook.repositoryId}/webhooks`;
        const { status, json } = await post(rig, to, { url, events: webhook.events, active: true });
        if (status !== 201) return null;
        const created = { id: json['id'] as string, ...webhook };
        webhooks.push(created);
        return created;
      },
      cutFromKafka(app, state) {
        for (const proxy of proxies.get(app.toUpperCase())!) proxy.become(state);
      },
      shiftClock: (app, offsetMs) => writeFileSync(clockFile(app), String(offsetMs)),
      async reviveServices() {
        await revive();
      },
      stop,
    };
    for (let i = 0; i < REPOSITORIES; i++) {
      for (const events of [['push'], ['*']]) {
        if (!(await rig.createWebhook({ repositoryId: 1_000 + i, events })))
          throw new Error('no webhook was made');
      }
    }
    return rig;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What an earlier run has left is ended and removed. */
async function freshInstance(instance: string): Promise<SmallDisk | null> {
  await stopServices({ instance });
  await removeSmallDisk(instance);
  await resetInstance({ instance });
  return makeSmallDisk(instance);
}

const COMMON_SETTINGS = {
  DITS_LOG_LEVEL: 'warn',
  DITS_RETRY_TIERS: TIERS,
  NODE_OPTIONS: `--import=${new URL('shifting-clock.mjs', import.meta.url).href}`,
};

function settingsOf(o: { cluster: KafkaCluster; clockFile: (app: AppName) => string }) {
  const ofApp = (app: AppName): Record<string, string> => ({
    DITS_KAFKA_BROKERS: o.cluster.brokersOf(app.toUpperCase()),
    CHAOS_CLOCK_FILE: o.clockFile(app),
  });
  return Object.fromEntries(appNames.map((app) => [app, ofApp(app)]));
}
