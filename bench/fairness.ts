import type { Behaviour } from './receiver-process.ts';
import { Rig, type Load } from './rig.ts';
import { lossesOf, quantile, spread } from './statistics.ts';

export interface FairnessOptions {
  ratePerSecond: number;
  seconds: number;
  runs: number;
  /** How the bad receivers fail. */
  failures: Behaviour[];
  /** How many of the 50 are bad. */
  counts: number[];
  quick: boolean;
}

const WEBHOOKS = 50;
const WARM_UP_SECONDS = 30;

/** What 50 webhooks at a steady rate feel when some of them fail: send to arrival at the good ones. */
export async function fairness(options: FairnessOptions): Promise<object> {
  const { seconds, runs, failures, counts } = options;
  const rig = await Rig.start();
  try {
    await rig.warmUp(await rig.targets(Array.from({ length: WEBHOOKS }, () => 'answer')), options);
    await measure(rig, { ...options, seconds: options.quick ? 3 : WARM_UP_SECONDS, bad: 0, failure: 'hang' });
    const rows: Row[] = [];
    for (const failure of failures) {
      // The run with none again before each kind: what else the machine does changes by the minute.
      let none: Row | undefined;
      for (const bad of [0, ...counts]) {
        const loads: GoodLoad[] = [];
        for (let run = 1; run <= runs; run++) loads.push(await measure(rig, { ...options, bad, failure }));
        const row = rowOf({ failure: bad === 0 ? 'none' : failure, bad, loads, none });
        none ??= row;
        rows.push(row);
        console.log(
          `${bad} of ${WEBHOOKS} ${bad === 0 ? 'fail' : failure}: p50 ${row.p50.median} ms, p99 ${row.p99.median} ms ` +
            `(${row.p99.min} to ${row.p99.max}), ${row.times_none} times the run with none; lost ${row.lost}`,
        );
      }
    }
    console.table(
      rows.map(({ failure, bad, p50, p99, times_none, lost, repeated }) => ({
        failure,
        bad,
        'p50 ms': p50.median,
        'p99 ms': p99.median,
        'p99 ms, runs': `${p99.min} to ${p99.max}`,
        'times none': times_none,
        lost,
        repeated,
      })),
    );
    return {
      bench: 'fairness',
      webhooks: WEBHOOKS,
      rate_per_second: options.ratePerSecond,
      seconds,
      runs,
      rows,
    };
  } finally {
    await rig.stop();
  }
}

type Spread = ReturnType<typeof spread>;

interface Row {
  failure: string;
  bad: number;
  p50: Spread;
  p95: Spread;
  p99: Spread;
  /** p99 against that of the run with none. */
  times_none: number;
  refused: number;
  lost: number;
  repeated: number;
}

/** What went to the good receivers. */
interface GoodLoad {
  sentToArrivalMs: number[];
  losses: ReturnType<typeof lossesOf>;
}

async function measure(
  rig: Rig,
  o: Pick<FairnessOptions, 'ratePerSecond' | 'seconds'> & { bad: number; failure: Behaviour },
): Promise<GoodLoad> {
  const { ratePerSecond, seconds, bad, failure } = o;
  const targets = await rig.targets(
    Array.from({ length: WEBHOOKS }, (_, i): Behaviour => (i < bad ? failure : 'answer')),
  );
  const events = Math.round(ratePerSecond * seconds);
  const load = await rig.run({ events, pace: { kind: 'open', ratePerSecond } }, targets);
  await rig.remove(targets);
  return goodOf(load, bad);
}

/** Event i goes to webhook i modulo 50, of which the first are the bad ones. */
function goodOf(load: Load, bad: number): GoodLoad {
  const posts = load.posts.filter((_, i) => i % WEBHOOKS >= bad);
  const arrivals = new Map([...load.arrivals].filter(([, { receiver }]) => receiver >= bad));
  const sentToArrivalMs = posts.flatMap(({ eventId, sentAtMs }) => {
    const arrival = arrivals.get(eventId);
    return arrival ? [arrival.firstAtMs - sentAtMs] : [];
  });
  return { sentToArrivalMs, losses: lossesOf([{ ...load, posts, arrivals }]) };
}

function rowOf(o: { failure: string; bad: number; loads: GoodLoad[]; none: Row | undefined }): Row {
  const { failure, bad, loads, none } = o;
  const at = (q: number): Spread => spread(loads.map(({ sentToArrivalMs }) => quantile(sentToArrivalMs, q)));
  const p99 = at(0.99);
  const sum = (of: 'refused' | 'lost' | 'repeated'): number =>
    loads.reduce((total, { losses }) => total + losses[of], 0);
  return {
    failure,
    bad,
    p50: at(0.5),
    p95: at(0.95),
    p99,
    times_none: none ? Number((p99.median / none.p99.median).toFixed(2)) : 1,
    refused: sum('refused'),
    lost: sum('lost'),
    repeated: sum('repeated'),
  };
}
