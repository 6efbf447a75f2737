import { KafkaFault } from '@dits/contracts';
import kafkajs, { type Admin } from 'kafkajs';
import { Backoff, sleep } from '../backoff.js';
import type { KafkaConnection } from '../connection.js';
import { errorText } from '../error-text.js';
import { isPassingStill } from '../passing-fault.js';
import { createTopics } from './create-topics.js';
import { topicDrift, type ActualTopic } from './topic-drift.js';
import { readTopicsFile, type DesiredTopic } from './topics-file.js';

/** Options of {@link applyTopics}. */
export interface ApplyTopicsOptions {
  kafka: KafkaConnection;
  /** Default `infra/kafka/topics.yaml`, looked for above this package. */
  file?: string;
  /** Before every topic name. Default none. */
  prefix?: string;
  /** Overrides the file's replication (and caps min.insync.replicas): 1 where there is one broker. */
  replication?: number;
  /** Only report. Default false. */
  check?: boolean;
  /** Called before each wait for Kafka, with what it waits for; see {@link applyTopics}. */
  onWait?: (reason: string) => void;
}

/** `drift`: what differs, and after applying still does. `applied`: what was changed. One line each. */
export interface ApplyTopicsResult {
  drift: string[];
  applied: string[];
}

// A broker that stops without a word loses its partitions after nine seconds; an election of many takes some more.
const ELECTED_WITHIN_MS = 60_000;

// Set on the topic itself, not by a default of the broker or the cluster.
const SET_ON_TOPIC = 1;

/**
 * Makes the topics of the file exist with their partitions and settings: missing ones are created, partitions added,
 * settings changed, settings the file does not name removed. Topics the file does not name are left alone. Partitions
 * in excess and another replication are reported as drift only. A second time changes nothing.
 *
 * While a leader or a controller is being elected it waits, up to a minute, and goes on with what is left to do.
 *
 * Throws {@link KafkaFault} when Kafka refuses, an `Error` when the file is wrong.
 */
export async function applyTopics(options: ApplyTopicsOptions): Promise<ApplyTopicsResult> {
  const desired = readTopicsFile(options);
  const { kafka, check = false, onWait } = options;
  const admin = kafka
    .newClient({ retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 5 }, requestTimeoutMs: 15_000 })
    .admin();
  const applied = new Set<string>();
  const backoff = new Backoff(250, 2_000);
  const endMs = Date.now() + ELECTED_WITHIN_MS;
  try {
    await admin.connect();
    for (;;) {
      try {
        const drift = await compareAndApply(admin, desired, { check, applied });
        return { drift, applied: [...applied] };
      } catch (cause) {
        if (!isPassingStill(cause) || Date.now() > endMs) throw cause;
        onWait?.(reason(cause));
        await sleep(backoff.next());
      }
    }
  } catch (cause) {
    throw new KafkaFault(`the topics were not ${check ? 'checked' : 'applied'}: ${reason(cause)}`, { cause });
  } finally {
    await admin.disconnect();
  }
}

/** Returns what differs, and adds to `applied` what it changes. */
async function compareAndApply(
  admin: Admin,
  desired: DesiredTopic[],
  { check, applied }: { check: boolean; applied: Set<string> },
): Promise<string[]> {
  const actual = await actualTopics(admin, desired);
  const drift: string[] = [];
  const creations: DesiredTopic[] = [];
  const growths: { topic: string; count: number }[] = [];
  const settings: DesiredTopic[] = [];
  for (const topic of desired) {
    const found = topicDrift(topic, actual.get(topic.name));
    drift.push(...found.impossible);
    if (check) drift.push(...found.possible);
    else for (const line of found.possible) applied.add(line);
    if (found.create) creations.push(topic);
    if (found.grow) growths.push({ topic: topic.name, count: found.grow });
    if (found.reconfigure) settings.push(topic);
  }
  if (check) return drift;

  if (creations.length > 0) {
    await createTopics(
      admin,
      creations.map(({ name, partitions, replication, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: entries(config),
      })),
    );
  }
  if (growths.length > 0) await admin.createPartitions({ topicPartitions: growths });
  if (settings.length > 0) {
    // This request replaces all that is set on a topic, which is what the file being the only place means.
    await admin.alterConfigs({
      validateOnly: false,
      resources: settings.map(({ name, config }) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configEntries: entries(config),
      })),
    });
  }
  if (applied.size > 0) await untilVisible(admin, desired);
  return drift;
}

// The controller answers before the brokers have heard of a change; that takes some ms, more under load.
const VISIBLE_WITHIN_MS = 15_000;

/** Resolves when the brokers tell of the changes, so that a check that follows finds none. */
async function untilVisible(admin: Admin, desired: DesiredTopic[]): Promise<void> {
  const endMs = Date.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const actual = await actualTopics(admin, desired);
    const missing = desired.flatMap((topic) => topicDrift(topic, actual.get(topic.name)).possible);
    if (missing.length === 0) return;
    if (Date.now() > endMs)
      throw new Error(`no effect within ${VISIBLE_WITHIN_MS} ms: ${missing.join('; ')}`);
    await sleep(50);
  }
}

async function actualTopics(admin: Admin, desired: DesiredTopic[]): Promise<Map<string, ActualTopic>> {
  const existing = new Set(await admin.listTopics());
  const names = desired.map(({ name }) => name).filter((name) => existing.has(name));
  const actual = new Map<string, ActualTopic>();
  if (names.length === 0) return actual;
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  for (const { name, partitions } of topics) {
    const replication = Math.min(...partitions.map(({ replicas }) => replicas.length));
    actual.set(name, { partitions: partitions.length, replication, config: {} });
  }
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  });
  for (const { resourceName, configEntries } of resources) {
    const topic = actual.get(resourceName);
    for (const { configName, configValue, configSource } of configEntries) {
      if (topic && Number(configSource) === SET_ON_TOPIC) topic.config[configName] = configValue;
    }
  }
  return actual;
}

function entries(config: Record<string, string>): { name: string; value: string }[] {
  return Object.entries(config).map(([name, value]) => ({ name, value }));
}

function reason(cause: unknown): string {
  const refused = (cause as { errors?: unknown }).errors;
  const errors: unknown[] = Array.isArray(refused) ? refused : [cause];
  const texts = errors.map((error) =>
    (error as { type?: string }).type === 'INVALID_REPLICATION_FACTOR'
      ? 'there are fewer brokers than copies; set DITS_TOPIC_REPLICATION to 1 where there is one broker'
      : errorText(error),
  );
  return [...new Set(texts)].join('; ');
}
