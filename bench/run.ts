import { parseArgs } from 'node:util';
import { latency } from './latency.ts';

const help = `npm run bench -- <what> [options]

  latency     one event a post at a steady rate: from the gateway's 202, and from the send, to the arrival

  --rate N      events a second                 (50)
  --seconds N   length of one run               (10)
  --runs N      repeated runs; medians of them  (3)
  --quick       one run of 3 s

It starts everything it needs in an instance of its own (.local/bench), talks only to loopback and stops by itself.
A table, then one line of JSON. What each measures, and dated results: bench/README.md`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    quick: { type: 'boolean' },
    rate: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
  },
});

if (values.help || positionals.length === 0) {
  console.log(help);
} else if (positionals[0] !== 'latency') {
  console.error(`There is no benchmark "${positionals[0]}".\n\n${help}`);
  process.exitCode = 2;
} else {
  const options = {
    ratePerSecond: within('rate', values.rate, 1, 2000),
    seconds: values.quick ? 3 : within('seconds', values.seconds, 1, 600),
    runs: values.quick ? 1 : within('runs', values.runs, 1, 20),
  };
  console.log(JSON.stringify(await latency(options)));
  // The channel to the process that started us would keep us waiting for its signals.
  process.exit();
}

function within(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (number >= min && number <= max) return number;
  console.error(`--${name} must be between ${min} and ${max}`);
  process.exit(2);
}
