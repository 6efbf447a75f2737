import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NOT_BEFORE_HEADER, topicNames } from '@dits/contracts';
import { DEFAULT_RETRY_TIERS, parseTiers } from '@dits/domain';
import { BatchingProducer, createKafka } from '@dits/kafka';
import { onStopRequest, startApps } from '@dits/local';
import { benchFolder, removeServices, startEmptyServices } from './instance.ts';
import { cpuBetween, processUsages } from './process-usage.ts';

export interface RetryOptions {
  records: number;
  seconds: number;
}

const BODY_BYTES = 1_500;
const PRODUCE_AT_ONCE = 5_000;
// Within the span of a schedule, so that the retrier believes it.
const DUE_IN_MS = 22 * 3_600_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * The CPU of a retrier with nothing due: first with empty tiers, then with that many deliveries waiting in all of them.
 * Prints a table, returns what the last line holds.
 */
export async function retry({ records, seconds }: RetryOptions): Promise<object> {
  const onProgress = (line: string): void => console.error(line);
  const stopped = new AbortController();
  onStopRequest(() => stopped.abort());
  const { signal } = stopped;
  try {
    const services = await startEmptyServices(signal);
    const prefix = `b${randomBytes(3).toString('hex')}.`;
    const running = await startApps({
      services,
      folder: join(benchFolder, 'apps'),
      prefix,
      apps: ['retrier'],
      env: { all: { DITS_LOG_LEVEL: 'warn' } },
      onProgress,
      signal,
    });
    try {
      const { retrier } = running.apps;
      const cpuPercent = async (): Promise<number> => {
        const usage = () => processUsages({ retrier: retrier.pid! });
        const before = usage();
        const startedAtMs = performance.now();
        await sleep(seconds * 1000, undefined, { signal });
        const { retrier: cpuSeconds } = cpuBetween(before, usage());
        return (100 * cpuSeconds!) / ((performance.now() - startedAtMs) / 1000);
      };
      // What starting left behind: compilation, the first rebalance.
      await sleep(10_000, undefined, { signal });
      const empty = await cpuPercent();
      console.log(`empty tiers: ${empty.toFixed(2)} % of a core over ${seconds} s`);

      await fillTiers({ kafka: services.kafka, prefix, records });
      const held = await untilSteady(() => heldRecords(retrier.adminUrl), signal);
      const full = await cpuPercent();
      const putBack = await countPutBack(retrier.adminUrl);
      console.log(
        `${records} waiting deliveries, ${held} of them in memory: ${full.toFixed(2)} % of a core over ${seconds} s`,
      );
      return {
        benchmark: 'retry',
        records,
        held,
        seconds,
        empty_percent: empty,
        full_percent: full,
        putBack,
      };
    } finally {
      await running.stop();
    }
  } finally {
    await removeServices();
  }
}

async function fillTiers(o: { kafka: string; prefix: string; records: number }): Promise<void> {
  const kafka = createKafka({ brokers: [o.kafka], clientId: 'bench', log: quiet });
  const producer = new BatchingProducer({ kafka, log: quiet });
  await producer.connect();
  const { retry: topicOf } = topicNames(o.prefix);
  const tiers = parseTiers(DEFAULT_RETRY_TIERS);
  const notBefore = String(Date.now() + DUE_IN_MS);
  for (let sent = 0; sent < o.records; sent += PRODUCE_AT_ONCE) {
    const count = Math.min(PRODUCE_AT_ONCE, o.records - sent);
    await producer.sendAll(
      Array.from({ length: count }, (_, i) => ({
        topic: topicOf(tiers[(sent + i) % tiers.length]!.name),
        key: `webhook ${(sent + i) % 1_000}`,
        value: randomBytes(BODY_BYTES),
        headers: { [NOT_BEFORE_HEADER]: notBefore },
      })),
    );
  }
  await producer.close();
}

async function metric(adminUrl: string, pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}

const heldRecords = (adminUrl: string) => metric(adminUrl, /^dits_consumer_held_records\{[^}]*\} (\S+)$/gm);
const countPutBack = (adminUrl: string) => metric(adminUrl, /^dits_stage_records_total\{[^}]*\} (\S+)$/gm);

/** The value once it has stayed the same, and above zero, for three seconds. */
async function untilSteady(ask: () => Promise<number>, signal: AbortSignal): Promise<number> {
  for (let last = -1, same = 0; ;) {
    const value = await ask();
    same = value === last && value > 0 ? same + 1 : 0;
    if (same === 3) return value;
    last = value;
    await sleep(1_000, undefined, { signal });
  }
}
