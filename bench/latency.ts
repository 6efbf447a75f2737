import { Child } from './child.ts';
import type { LoadOrder, Post } from './load-process.ts';
import { startPlatform } from './platform.ts';
import { cpuBetween, processUsages, type ProcessUsage } from './process-usage.ts';
import { quantile, spread } from './statistics.ts';

export interface LatencyOptions {
  ratePerSecond: number;
  seconds: number;
  runs: number;
}

interface Run {
  /** From the 202 of the gateway to the arrival at the receiver, ms. */
  accepted: { p50: number; p95: number; p99: number };
  /** From the send of the post to the arrival at the receiver, ms. */
  sent: { p50: number; p95: number; p99: number };
  refused: number;
  lost: number;
  repeated: number;
}

// 10 s: before that the first run measures compilers, ours and the JVM's.
const WARM_UP_SECONDS = 10;
const REPOSITORY_ID = 4711;

/**
 * Open loop: one event a post at a steady rate to one webhook; how long from the 202 (and from the send) to the
 * arrival. Prints a table, returns what the last line holds.
 */
export async function latency({ ratePerSecond, seconds, runs }: LatencyOptions): Promise<object> {
  const platform = await startPlatform();
  const receiver = new Child('receiver-process.ts');
  const load = new Child('load-process.ts');
  try {
    const [{ url }] = await Promise.all([receiver.next<{ url: string }>('listening'), load.next('ready')]);
    await platform.createWebhook({ repositoryId: REPOSITORY_ID, url, events: ['push'] });
    const measured = async (durationSeconds: number): Promise<Run> => {
      const order: LoadOrder = {
        gateway: platform.gateway,
        token: platform.token,
        repositoryIds: [REPOSITORY_ID],
        ratePerSecond,
        events: Math.round(ratePerSecond * durationSeconds),
      };
      const { posts } = await load.ask<{ posts: Post[] }>(order, 'posts');
      return judge(posts, await arrivalsOf(receiver, posts.length));
    };

    console.log(`warming up for ${WARM_UP_SECONDS} s at ${ratePerSecond} events/s`);
    await measured(WARM_UP_SECONDS);
    const usage = (): Record<string, ProcessUsage> => processUsages(platform.pids);
    const before = usage();
    const results: Run[] = [];
    for (let run = 1; run <= runs; run++) {
      const result = await measured(seconds);
      results.push(result);
      console.log(
        `run ${run} of ${runs}: 202 to arrival p50 ${result.accepted.p50.toFixed(1)} ms, p99 ${result.accepted.p99.toFixed(1)} ms`,
      );
    }
    const after = usage();
    const deliveries = runs * Math.round(ratePerSecond * seconds);
    return report({
      results,
      cpu: cpuBetween(before, after),
      after,
      deliveries,
      ratePerSecond,
      seconds,
      runs,
    });
  } finally {
    receiver.close();
    load.close();
    await platform.stop();
  }
}

/** Waits until as many events arrived as were sent, or nothing came for 10 s. */
async function arrivalsOf(receiver: Child, expected: number): Promise<Map<string, number[]>> {
  let last = -1;
  let lastChange = Date.now();
  for (;;) {
    const { count } = await receiver.ask<{ count: number }>({ kind: 'count' }, 'count');
    if (count !== last) lastChange = Date.now();
    last = count;
    if (count >= expected || Date.now() - lastChange > 10_000) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { arrivals } = await receiver.ask<{ arrivals: [string, number[]][] }>({ kind: 'take' }, 'arrivals');
  return new Map(arrivals);
}

function judge(posts: Post[], arrivals: Map<string, number[]>): Run {
  const accepted = posts.filter(({ status }) => status === 202);
  const arrived = accepted.flatMap((post) => {
    const first = arrivals.get(post.eventId)?.[0];
    return first === undefined ? [] : [{ ...post, first }];
  });
  const quantiles = (ms: number[]): Run['sent'] => ({
    p50: quantile(ms, 0.5),
    p95: quantile(ms, 0.95),
    p99: quantile(ms, 0.99),
  });
  return {
    accepted: quantiles(arrived.map(({ first, answeredAtMs }) => first - answeredAtMs)),
    sent: quantiles(arrived.map(({ first, sentAtMs }) => first - sentAtMs)),
    refused: posts.length - accepted.length,
    lost: accepted.length - arrived.length,
    repeated: [...arrivals.values()].reduce((sum, times) => sum + times.length - 1, 0),
  };
}

function report({
  results,
  cpu,
  after,
  deliveries,
  ...options
}: {
  results: Run[];
  cpu: Record<string, number>;
  after: Record<string, ProcessUsage>;
  deliveries: number;
  ratePerSecond: number;
  seconds: number;
  runs: number;
}): object {
  const rows: Record<string, object> = {};
  const summary: Record<string, object> = {};
  for (const from of ['accepted', 'sent'] as const) {
    for (const q of ['p50', 'p95', 'p99'] as const) {
      const ms = spread(results.map((run) => run[from][q]));
      rows[`${from === 'accepted' ? '202' : 'send'} to arrival, ${q}`] = {
        'median ms': ms.median,
        'min ms': ms.min,
        'max ms': ms.max,
      };
      summary[`${from}_to_arrival_${q}_ms`] = ms;
    }
  }
  console.table(rows);
  const perThousand = (seconds: number): number => Number(((seconds * 1000) / deliveries).toFixed(2));
  const processes = Object.fromEntries(
    Object.entries(cpu).map(([name, seconds]) => [
      name,
      {
        cpu_s_per_1000: perThousand(seconds),
        peak_rss_mb: Math.round((after[name]?.peakRssBytes ?? 0) / 1e6),
      },
    ]),
  );
  console.table(processes);
  const sum = (key: 'refused' | 'lost' | 'repeated'): number =>
    results.reduce((total, run) => total + run[key], 0);
  return {
    bench: 'latency',
    rate_per_second: options.ratePerSecond,
    seconds: options.seconds,
    runs: options.runs,
    ...summary,
    refused: sum('refused'),
    lost: sum('lost'),
    repeated: sum('repeated'),
    cpu_s_per_1000: perThousand(Object.values(cpu).reduce((total, s) => total + s, 0)),
    processes,
  };
}
