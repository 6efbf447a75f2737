import { Child } from './child.ts';
import type { LoadOrder, Post } from './load-order.ts';
import { Rig, type Load, type Target } from './rig.ts';
import { lossesOf, perThousand, quantile, spread, totalCpu } from './statistics.ts';
import { line, ratesOf } from './throughput.ts';

export interface ScaleOptions {
  events: number;
  runs: number;
  /** Deliveries that one webhook has waiting. */
  backlog: number;
  quick: boolean;
}

const WEBHOOKS = 50;
const OTHERS_PER_SECOND = 100;
const OTHERS_SECONDS = 20;

/**
 * One, two and three dispatchers with the same load; and what 50 webhooks with new events feel while another one works off a
 * backlog.
 */
export async function scale({ events, runs, backlog, quick }: ScaleOptions): Promise<object> {
  const rig = await Rig.start();
  try {
    const targets = await rig.targets(Array.from({ length: WEBHOOKS }, () => 'answer'));
    const pace: LoadOrder['pace'] = { kind: 'closed', inFlight: 32, batch: 1 };
    await rig.warmUp(targets, { quick });

    const behindBacklog = await besideBacklog(rig, targets, backlog);

    const dispatchers: Record<string, object> = {};
    for (const count of [1, 2, 3]) {
      if (count > 1) await rig.platform.addDispatcher();
      const loads: Load[] = [];
      for (let run = 1; run <= runs; run++) {
        const load = await rig.run({ events, pace }, targets);
        loads.push(load);
        console.log(`${count} dispatchers, run ${run} of ${runs}: ${line(load)}`);
      }
      dispatchers[count] = {
        deliveries_per_second: spread(
          loads.map((load) => ratesOf(load).delivered),
          0,
        ),
        cpu_s_per_1000: spread(
          loads.map((load) => perThousand(totalCpu(load), events)),
          3,
        ),
        ...lossesOf(loads),
      };
    }
    return { bench: 'scale', events, runs, dispatchers, backlog: behindBacklog };
  } finally {
    await rig.stop();
  }
}

/** p50 and p99 of the others: alone, while another webhook's backlog comes in, and while it stands. */
async function besideBacklog(rig: Rig, targets: Target[], backlog: number): Promise<object> {
  const order = {
    events: OTHERS_PER_SECOND * OTHERS_SECONDS,
    pace: { kind: 'open' as const, ratePerSecond: OTHERS_PER_SECOND },
  };
  const loads: Load[] = [];
  const others = async (what: string): Promise<{ p50_ms: number; p99_ms: number }> => {
    const load = await rig.run(order, targets);
    loads.push(load);
    const times = timesOf(load);
    console.log(`${OTHERS_PER_SECOND} events/s to ${WEBHOOKS} webhooks ${what}: ${text(times)}`);
    return times;
  };
  const alone = await others('alone');

  const [busy] = await rig.targets(['slow']);
  const { kafka, registry, topicPrefix, gateway, token } = rig.platform;
  const filling: LoadOrder = {
    gateway,
    token,
    repositoryIds: [busy!.repositoryId],
    events: backlog,
    pace: { kind: 'kafka', kafka, registry, topicPrefix },
  };
  const producer = new Child('load-process.ts');
  await producer.next('ready');
  const [whileItComes] = await Promise.all([
    others(`while ${backlog} come in for one that takes 2 s for each`),
    producer.ask<{ posts: Post[] }>(filling, 'posts'),
  ]);
  producer.close();
  const seenToS = await rig.untilSeenTo(busy!, backlog);
  console.log(`each of them attempted or put off once, ${seenToS} s later`);
  const whileItStands = await others('while they wait');
  await rig.remove([busy!]);
  const { lost, repeated } = lossesOf(loads);
  return {
    waiting: backlog,
    alone,
    while_it_comes: whileItComes,
    while_it_stands: whileItStands,
    lost,
    repeated,
  };
}

function timesOf({ posts, arrivals }: Load): { p50_ms: number; p99_ms: number } {
  const ms = posts.flatMap(({ eventId, sentAtMs }) => {
    const arrival = arrivals.get(eventId);
    return arrival ? [arrival.firstAtMs - sentAtMs] : [];
  });
  const at = (q: number): number => Number(quantile(ms, q).toFixed(1));
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

function text({ p50_ms, p99_ms }: { p50_ms: number; p99_ms: number }): string {
  return `p50 ${p50_ms} ms, p99 ${p99_ms} ms`;
}
