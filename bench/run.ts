import { parseArgs } from 'node:util';
import { history } from './history.ts';
import { latency } from './latency.ts';
import { retry } from './retry.ts';

const help = `npm run bench -- <what> [options]

  latency     one event a post at a steady rate: from the gateway's 202, and from the send, to the arrival

  --rate N      events a second                 (50)
  --seconds N   length of one run               (10)
  --runs N      repeated runs; medians of them  (3)
  --quick       one run of 3 s

  retry       the CPU of a retrier with nothing due, with empty tiers and with full ones

  --records N   deliveries that wait            (100000)
  --seconds N   length of each measurement      (10)

  history     a page of a webhook's deliveries from the api, by filter

  --records N   deliveries of the webhook       (1000000)
  --runs N      requests for each filter        (100)

It starts everything it needs in an instance of its own (.local/bench), talks only to loopback and stops by itself.
A table, then one line of JSON. What each measures, and dated results: bench/README.md`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    quick: { type: 'boolean' },
    rate: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '10' },
    runs: { type: 'string' },
    records: { type: 'string' },
  },
});

const seconds = () => within('seconds', values.seconds, 1, 600);
const benchmarks: Record<string, () => Promise<object>> = {
  latency: () =>
    latency({
      ratePerSecond: within('rate', values.rate, 1, 2000),
      seconds: values.quick ? 3 : seconds(),
      runs: values.quick ? 1 : within('runs', values.runs ?? '3', 1, 20),
    }),
  retry: () =>
    retry({ records: within('records', values.records ?? '100000', 1, 1_000_000), seconds: seconds() }),
  history: () =>
    history({
      deliveries: within('records', values.records ?? '1000000', 1_000, 10_000_000),
      requests: within('runs', values.runs ?? '100', 1, 10_000),
    }),
};

if (values.help || positionals.length === 0) {
  console.log(help);
} else {
  const [name] = positionals;
  const benchmark = name !== undefined && Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (benchmark) {
    console.log(JSON.stringify(await benchmark()));
    // The channel to the process that started us would keep us waiting for its signals.
    process.exit();
  }
  console.error(`There is no benchmark "${name}".\n\n${help}`);
  process.exitCode = 2;
}

function within(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (number >= min && number <= max) return number;
  console.error(`--${name} must be between ${min} and ${max}`);
  process.exit(2);
}
