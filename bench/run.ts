import { parseArgs, type ParseArgsConfig } from 'node:util';
import { fairness } from './fairness.ts';
import { history } from './history.ts';
import { machineSpeed } from './machine.ts';
import { latency } from './latency.ts';
import { retry } from './retry.ts';
import { scale } from './scale.ts';
import { STAGE_NAMES, stages } from './stages.ts';
import { throughput } from './throughput.ts';
import { webhooks } from './webhooks.ts';

const help = `npm run bench -- <what> [options]

  throughput    as many as go through: to one webhook and to 50, one event a post, in batches, and produced to Kafka

  --events N      events of one run                (30000)
  --webhooks N,N  numbers of webhooks              (1,50)
  --pace P,P      one, batch, kafka                (one,batch,kafka)
  --runs N        repeated runs; medians of them   (3)
  --profile DIR   writes a CPU profile of each app there

  latency       one event a post at a steady rate: from the gateway's 202, and from the send, to the arrival

  --rate N        events a second                  (200)
  --seconds N     length of one run                (10)
  --runs N        repeated runs; medians of them   (3)

  fairness      50 webhooks at a steady rate, of which some hang, refuse or take 2 s: what the others feel

  --rate N        events a second                  (200)
  --seconds N     length of one run                (10)
  --runs N        repeated runs; medians of them   (3)
  --fail F,F      hang, refuse, slow               (hang,refuse,slow)
  --bad N,N       how many of the 50               (1,5,10)

  scale         one, two and three dispatchers; new events beside a webhook that has a backlog

  --events N      events of one run                (30000)
  --runs N        repeated runs; medians of them   (3)
  --records N     deliveries of the backlog        (100000)

  stages        each stage by itself, with all of its input waiting; "stage router" for one

  --events N      events                           (30000)
  --profile DIR   writes a CPU profile of each app there

  webhooks      very many: time to match an event, memory of a router and a dispatcher

  --records N     webhooks that are matched against  (1000000); the memory is that of a tenth of them
  --runs N        repeated runs; medians of them   (3)

  retry         the CPU of a retrier with nothing due, with empty tiers and with full ones

  --records N     deliveries that wait             (100000)
  --seconds N     length of each measurement       (10)

  history       a page of a webhook's deliveries from the api, by filter

  --records N     deliveries of the webhook        (1000000)
  --runs N        requests for each filter         (100)

  machine       how fast this machine is now: undici alone against a bare server

  --quick         one short run of any

It starts everything it needs in an instance of its own (.local/bench), talks only to loopback and stops by itself.
A table, then one line of JSON. What each measures, and dated results: bench/README.md`;

const { values, positionals } = parsed({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    quick: { type: 'boolean' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '10' },
    events: { type: 'string', default: '30000' },
    webhooks: { type: 'string', default: '1,50' },
    pace: { type: 'string', default: 'one,batch,kafka' },
    runs: { type: 'string' },
    records: { type: 'string' },
    profile: { type: 'string' },
    fail: { type: 'string', default: 'hang,refuse,slow' },
    bad: { type: 'string', default: '1,5,10' },
  },
});
const { quick = false, profile: profileDir } = values;
const runs = (): number => (quick ? 1 : within('runs', values.runs ?? '3', 1, 20));
const seconds = (): number => (quick ? 3 : within('seconds', values.seconds, 1, 600));

const stageEvents = (): number => (quick ? 6_000 : within('events', values.events, 1_000, 1_000_000));

const benchmarks: Record<string, () => Promise<object>> = {
  machine: async () => ({ bench: 'machine', ...(await machineSpeed()) }),
  throughput: () =>
    throughput({
      events: quick ? 5_000 : within('events', values.events, 100, 1_000_000),
      webhooks: values.webhooks.split(',').map((n) => within('webhooks', n, 1, 200)),
      paces: values.pace.split(',').map((pace) => oneOf('pace', pace, ['one', 'batch', 'kafka'] as const)),
      runs: runs(),
      profileDir,
      quick,
    }),
  latency: () =>
    latency({
      ratePerSecond: within('rate', values.rate, 1, 2000),
      seconds: seconds(),
      runs: runs(),
      quick,
    }),
  fairness: () =>
    fairness({
      ratePerSecond: within('rate', values.rate, 1, 2000),
      seconds: seconds(),
      runs: runs(),
      failures: quick
        ? ['hang']
        : values.fail.split(',').map((one) => oneOf('fail', one, ['hang', 'refuse', 'slow'] as const)),
      counts: quick ? [5] : values.bad.split(',').map((n) => within('bad', n, 1, 49)),
      quick,
    }),
  scale: () =>
    scale({
      events: quick ? 5_000 : within('events', values.events, 100, 1_000_000),
      runs: runs(),
      backlog: quick ? 10_000 : within('records', values.records ?? '100000', 1, 1_000_000),
      quick,
    }),
  stages: () => stages({ events: stageEvents(), stages: [...STAGE_NAMES], profileDir }),
  stage: () =>
    stages({
      events: stageEvents(),
      stages: [oneOf('stage', positionals[1] ?? '', STAGE_NAMES)],
      profileDir,
    }),
  webhooks: () => {
    const count = quick ? 100_000 : within('records', values.records ?? '1000000', 1_000, 10_000_000);
    return webhooks({ webhooks: count, followed: Math.round(count / 10), runs: runs() });
  },
  retry: () =>
    retry({
      records: quick ? 10_000 : within('records', values.records ?? '100000', 1, 1_000_000),
      seconds: seconds(),
    }),
  history: () =>
    history({
      deliveries: quick ? 50_000 : within('records', values.records ?? '1000000', 1_000, 10_000_000),
      requests: quick ? 20 : within('runs', values.runs ?? '100', 1, 10_000),
    }),
};

const [name] = positionals;
const benchmark = name !== undefined && Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (values.help || name === undefined) {
  console.log(help);
} else if (!benchmark) {
  console.error(`There is no benchmark "${name}".\n\n${help}`);
  process.exitCode = 2;
} else {
  console.log(JSON.stringify(await benchmark()));
  // The channel to the process that started us would keep us waiting for its signals.
  process.exit();
}

/** The arguments; who gives one that there is not is told so. */
function parsed<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(`${(error as Error).message.split('. ')[0]}. See npm run bench -- --help`);
    process.exit(2);
  }
}

function within(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (number >= min && number <= max) return number;
  console.error(`--${name} must be between ${min} and ${max}`);
  process.exit(2);
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  console.error(`--${name} must be one of ${known.join(', ')}`);
  process.exit(2);
}
