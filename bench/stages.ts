import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NOT_BEFORE_HEADER, topicNames } from '@dits/contracts';
import { BatchingProducer, createKafka, GroupProgress } from '@dits/kafka';
import type { AppName } from '@dits/local';
import { benchFolder } from './instance.ts';
import { cpuBetween, processUsages, type ProcessUsage } from './process-usage.ts';
import { Rig, type Target } from './rig.ts';
import { perThousand } from './statistics.ts';

export interface StagesOptions {
  events: number;
  /** Which to measure; the others prepare what they need. */
  stages: StageName[];
  profileDir?: string | undefined;
}

export const STAGE_NAMES = ['gateway', 'router', 'dispatcher', 'retrier', 'recorder'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

// The first third is the compilers'.
const WARM_UP_SHARE = 1 / 3;
const LOOK_EVERY_MS = 50;
const RETRY_BODY_BYTES = 1_500;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Each stage by itself, with all of its input waiting: events in batches through the gateway, then the router alone on
 * `dits.events`, the dispatcher alone on `dits.deliveries`, the recorder on all of it, the retrier on a tier whose records are due.
 */
export async function stages({ events, stages: wanted, profileDir }: StagesOptions): Promise<object> {
  const rig = await Rig.start({ profileDir });
  const { platform } = rig;
  const log = quiet;
  const kafka = createKafka({ brokers: [platform.kafka], clientId: 'bench', log });
  const progress = new GroupProgress(kafka);
  const topics = topicNames(platform.topicPrefix);
  try {
    const targets = await rig.targets(['answer']);
    for (const name of STAGE_NAMES) await platform.apps[name].stop();
    const onTopic = (topic: string) => async (): Promise<number> =>
      (await progress.ends(topic)).reduce((sum, { offset }) => sum + Number(offset), 0);
    const feeds: Record<StageName, () => Promise<Feed>> = {
      gateway: async () => ({ done: onTopic(topics.events), feed: () => post(rig, targets, events) }),
      router: async () => ({ done: onTopic(topics.deliveries) }),
      dispatcher: async () => {
        const routed = await onTopic(topics.deliveryLog)();
        return { done: async () => (await onTopic(topics.deliveryLog)()) - routed };
      },
      recorder: async () => ({ done: () => rig.countDelivered(targets) }),
      retrier: async () => {
        await fillTier(kafka, topics.retry('15s'), events);
        const before = await onTopic(topics.deliveries)();
        return { done: async () => (await onTopic(topics.deliveries)()) - before };
      },
    };
    const results: Record<string, object> = {};
    const historyBefore = await rig.historyBytes();
    // In the order in which each has what the one before has made; the retrier last, since what it puts back is no delivery.
    for (const name of ['gateway', 'router', 'dispatcher', 'recorder', 'retrier'] as const) {
      if (name === 'retrier') {
        // All others have done their work, once for each event.
        results['bytes_per_delivery'] = {
          postgres: Math.round(((await rig.historyBytes()) - historyBefore) / events),
          ...topicBytes(platform.topicPrefix, events),
        };
        console.log(`bytes per delivery: ${JSON.stringify(results['bytes_per_delivery'])}`);
      }
      const { done, feed } = await feeds[name]();
      const result = await measure(rig, name, { events, done, feed });
      if (!wanted.includes(name)) continue;
      results[name] = result;
      console.log(`${name}: ${JSON.stringify(result)}`);
    }
    return { bench: 'stages', events, ...results };
  } finally {
    await progress.close();
    await rig.stop();
  }
}

interface Feed {
  /** Records that it is done with. */
  done: () => Promise<number>;
  /** Brings its input while it runs, when that is not there yet. */
  feed?: () => Promise<void>;
}

async function measure(
  { platform }: Rig,
  name: AppName,
  { events, done, feed }: Feed & { events: number },
): Promise<object> {
  const app = platform.apps[name];
  // Its work begins before it is ready, and is cold: what is measured is after the warm-up.
  await app.start();
  const feeding = feed?.();
  const from = await at(events * WARM_UP_SHARE, done, () => processUsages(platform.pids()));
  const to = await at(events, done, () => processUsages(platform.pids()));
  await feeding;
  await app.stop();
  const records = to.done - from.done;
  const cpu = Object.entries(cpuBetween(from.usage, to.usage)).filter(([, seconds]) => seconds > 0);
  return {
    records_per_second: Math.round((records * 1000) / (to.atMs - from.atMs)),
    cpu_s_per_1000: Object.fromEntries(cpu.map(([process, s]) => [process, perThousand(s, records)])),
    peak_rss_mb: Math.round((to.usage[name]?.peakRssBytes ?? 0) / 1e6),
  };
}

interface Reading {
  done: number;
  atMs: number;
  usage: Record<string, ProcessUsage>;
}

/** A reading when so much is done. */
async function at(
  count: number,
  done: () => Promise<number>,
  usageOf: () => Record<string, ProcessUsage>,
): Promise<Reading> {
  for (;;) {
    const now = await done();
    if (now >= count) return { done: now, atMs: performance.now(), usage: usageOf() };
    await sleep(LOOK_EVERY_MS);
  }
}

async function post(rig: Rig, targets: Target[], events: number): Promise<void> {
  const posts = await rig.send({ events, pace: { kind: 'closed', inFlight: 8, batch: 100 } }, targets);
  const refused = posts.filter(({ status }) => status !== 202).length;
  if (refused > 0) throw new Error(`the gateway has refused ${refused} events`);
}

/** Records of a tier that have been due for long. */
async function fillTier(kafka: ReturnType<typeof createKafka>, topic: string, count: number): Promise<void> {
  const producer = new BatchingProducer({ kafka, log: quiet });
  await producer.connect();
  const value = Buffer.alloc(RETRY_BODY_BYTES, 'a delivery ');
  const headers = { [NOT_BEFORE_HEADER]: '0' };
  for (let sent = 0; sent < count; sent += 1_000)
    await producer.sendAll(
      Array.from({ length: Math.min(1_000, count - sent) }, (_, i) => ({
        topic,
        key: `webhook ${sent + i}`,
        value,
        headers,
      })),
    );
  await producer.close();
}

/** Bytes of one copy of each topic, per event. */
function topicBytes(prefix: string, events: number): Record<string, number> {
  const folder = join(benchFolder, 'kafka', 'data');
  const bytes: Record<string, number> = {};
  for (const partition of readdirSync(folder)) {
    const topic = /^(.*)-\d+$/.exec(partition)?.[1];
    if (!topic?.startsWith(prefix)) continue;
    const name = topic.slice(prefix.length);
    for (const file of readdirSync(join(folder, partition)).filter((one) => one.endsWith('.log')))
      bytes[name] = (bytes[name] ?? 0) + statSync(join(folder, partition, file)).size;
  }
  return Object.fromEntries(
    Object.entries(bytes)
      .filter(([, sum]) => sum >= events)
      .map(([name, sum]) => [name, Math.round(sum / events)]),
  );
}
