import { Rig, type Load } from './rig.ts';
import { lossesOf, perThousand, printProcesses, quantile, spread, totalCpu } from './statistics.ts';

export interface LatencyOptions {
  ratePerSecond: number;
  seconds: number;
  runs: number;
  quick: boolean;
}

// At the rate itself: what was compiled for large batches is compiled anew for small ones.
const WARM_UP_SECONDS = 45;
const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 };

/**
 * Open loop: one event a post at a steady rate to one webhook; how long from the 202 (and from the send) to the
 * arrival. Prints a table, returns what the last line holds.
 */
export async function latency({ ratePerSecond, seconds, runs, quick }: LatencyOptions): Promise<object> {
  const rig = await Rig.start();
  try {
    const targets = await rig.targets(['answer']);
    const run = (durationSeconds: number): Promise<Load> =>
      rig.run(
        { events: Math.round(ratePerSecond * durationSeconds), pace: { kind: 'open', ratePerSecond } },
        targets,
      );
    await rig.warmUp(targets, { quick });
    await run(quick ? 3 : WARM_UP_SECONDS);
    const loads: Load[] = [];
    for (let n = 1; n <= runs; n++) {
      const load = await run(seconds);
      loads.push(load);
      const { sent } = timesOf(load);
      console.log(
        `run ${n} of ${runs}: send to arrival p50 ${quantile(sent, 0.5).toFixed(1)} ms, p99 ${quantile(sent, 0.99).toFixed(1)} ms`,
      );
    }
    return { bench: 'latency', rate_per_second: ratePerSecond, seconds, runs, ...report(loads) };
  } finally {
    await rig.stop();
  }
}

/** Of each event that was accepted and arrived, ms: from its 202, and from its send, to its first arrival. */
function timesOf({ posts, arrivals }: Load): { accepted: number[]; sent: number[] } {
  const accepted: number[] = [];
  const sent: number[] = [];
  for (const { eventId, status, sentAtMs, answeredAtMs } of posts) {
    const arrival = status === 202 ? arrivals.get(eventId) : undefined;
    if (!arrival) continue;
    accepted.push(arrival.firstAtMs - answeredAtMs);
    sent.push(arrival.firstAtMs - sentAtMs);
  }
  return { accepted, sent };
}

function report(loads: Load[]): object {
  const rows: Record<string, object> = {};
  const summary: Record<string, object> = {};
  const times = loads.map(timesOf);
  for (const from of ['accepted', 'sent'] as const) {
    for (const [name, q] of Object.entries(QUANTILES)) {
      const ms = spread(times.map((one) => quantile(one[from], q)));
      rows[`${from === 'accepted' ? '202' : 'send'} to arrival, ${name}`] = {
        'median ms': ms.median,
        'min ms': ms.min,
        'max ms': ms.max,
      };
      summary[`${from}_to_arrival_${name}_ms`] = ms;
    }
  }
  console.table(rows);
  const deliveries = loads.reduce((sum, { posts }) => sum + posts.length, 0);
  const processes = printProcesses(loads, deliveries);
  const cpuSeconds = loads.reduce((sum, load) => sum + totalCpu(load), 0);
  return { ...summary, ...lossesOf(loads), cpu_s_per_1000: perThousand(cpuSeconds, deliveries), processes };
}
