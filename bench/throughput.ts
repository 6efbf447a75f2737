import { machineSpeed, type MachineSpeed } from './machine.ts';
import type { LoadOrder } from './load-order.ts';
import { Rig, type Load } from './rig.ts';
import { lossesOf, perThousand, printProcesses, spread, totalCpu } from './statistics.ts';

export interface ThroughputOptions {
  events: number;
  runs: number;
  webhooks: number[];
  paces: ('one' | 'batch' | 'kafka')[];
  profileDir?: string | undefined;
  quick: boolean;
}

// Of each kind, after the first of all.
const WARM_UP_EVENTS = 20_000;

/** How many deliveries a second, from the first post to the last arrival. */
export async function throughput(options: ThroughputOptions): Promise<object> {
  const { events, runs, profileDir } = options;
  const rig = await Rig.start({ profileDir });
  try {
    const results: Record<string, object> = {};
    const machine: MachineSpeed[] = [];
    await rig.warmUp(await rig.targets(['answer']), options);
    for (const webhooks of options.webhooks) {
      const targets = await rig.targets(Array.from({ length: webhooks }, () => 'answer'));
      for (const pace of options.paces) {
        const order = { events, pace: paceOf(pace, rig) };
        await rig.run({ ...order, events: Math.min(events, WARM_UP_EVENTS) }, targets);
        machine.push(await machineSpeed());
        const loads: Load[] = [];
        for (let run = 1; run <= runs; run++) {
          const load = await rig.run(order, targets);
          loads.push(load);
          console.log(`${webhooks} webhooks, ${PACES[pace]}, run ${run} of ${runs}: ${line(load)}`);
        }
        results[`${pace}_to_${webhooks}`] = summary(loads, events);
        printProcesses(loads, events * runs);
      }
    }
    machine.push(await machineSpeed());
    return { bench: 'throughput', events, runs, ...results, machine };
  } finally {
    await rig.stop();
  }
}

const PACES = {
  one: 'one event a request, 32 in flight',
  batch: '100 events a request, 8 in flight',
  kafka: 'produced to Kafka',
};

function paceOf(pace: keyof typeof PACES, { platform }: Rig): LoadOrder['pace'] {
  const { kafka, registry, topicPrefix } = platform;
  switch (pace) {
    case 'one':
      return { kind: 'closed', inFlight: 32, batch: 1 };
    case 'batch':
      return { kind: 'closed', inFlight: 8, batch: 100 };
    case 'kafka':
      return { kind: 'kafka', kafka, registry, topicPrefix };
  }
}

/** Deliveries and accepted events a second, from the first post. */
export function ratesOf({ posts, arrivals }: Load): { delivered: number; accepted: number } {
  const first = Math.min(...posts.map(({ sentAtMs }) => sentAtMs).slice(0, 64));
  let lastArrival = 0;
  for (const { firstAtMs } of arrivals.values()) lastArrival = Math.max(lastArrival, firstAtMs);
  const lastAnswer = posts.reduce((last, { answeredAtMs }) => Math.max(last, answeredAtMs), 0);
  return {
    delivered: (arrivals.size * 1000) / (lastArrival - first),
    accepted: (posts.length * 1000) / (lastAnswer - first),
  };
}

/** One run, for people. */
export function line(load: Load): string {
  const { delivered, accepted } = ratesOf(load);
  const { refused, lost, repeated } = lossesOf([load]);
  const cpu = perThousand(totalCpu(load), load.arrivals.size);
  return (
    `${Math.round(delivered)} deliveries/s (accepted at ${Math.round(accepted)}/s), ${cpu} CPU s per 1,000, history complete ` +
    `${load.historyLagMs} ms after the last arrival; refused ${refused}, lost ${lost}, repeated ${repeated}`
  );
}

function summary(loads: Load[], events: number): object {
  return {
    deliveries_per_second: spread(
      loads.map((load) => ratesOf(load).delivered),
      0,
    ),
    accepted_per_second: spread(
      loads.map((load) => ratesOf(load).accepted),
      0,
    ),
    cpu_s_per_1000: spread(
      loads.map((load) => perThousand(totalCpu(load), events)),
      3,
    ),
    history_lag_ms: spread(
      loads.map(({ historyLagMs }) => historyLagMs),
      0,
    ),
    ...lossesOf(loads),
  };
}
