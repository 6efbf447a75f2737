import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { onStopRequest } from '@dits/local';
import { allFaults, type Fault } from './faults/index.ts';
import { report } from './report.ts';
import { runChaos } from './run-chaos.ts';

const help = `npm run chaos [-- options]

Breaks the real services and apps one after the other under a steady load, and accounts for every event: each one that
was accepted must reach each matching receiver at least once, and the history must agree with what receivers saw.

  --seconds N     go on with one fault after another for so long   (every fault once)
  --seed N        order, choices and times of an earlier run       (by chance; it is printed)
  --faults A,B    only these; a name before ":" means all of them  (all)
  --brokers N     1 or 3, with everything copied to all of them    (3)
  --rate N        events a second, 1 to 200                        (30)
  --json          one line of JSON instead of the tables

Faults: ${[...new Set(allFaults.map(({ name }) => name))].join(', ').replace(/(.{60,90},) /g, '$1\n        ')}

It starts everything it needs in an instance of its own (.local/chaos; its logs stay when something is wrong), talks only
to loopback and stops by itself. Progress is on stderr. Exit code 1 when anything is lost or repeated beyond what was in
flight, when the history disagrees, or when something does not recover. docs/reliability.md explains the columns.`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    brokers: { type: 'string', default: '3' },
    rate: { type: 'string', default: '30' },
    json: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(help);
  process.exit();
}
const stop = new AbortController();
onStopRequest(() => stop.abort());
const seed = values.seed === undefined ? randomInt(1_000_000) : within('seed', values.seed, 0, 2 ** 32 - 1);
const onProgress = (line: string): void => console.error(line);
onProgress(`seed ${seed}`);
try {
  const result = await runChaos({
    instance: 'chaos',
    seed,
    seconds: values.seconds === undefined ? null : within('seconds', values.seconds, 1, 24 * 3600),
    faults: chosen(values.faults),
    brokers: within('brokers', values.brokers, 1, 3),
    eventsPerSecond: within('rate', values.rate, 1, 200),
    onProgress,
    signal: stop.signal,
  });
  console.log(values.json ? JSON.stringify(result) : report(result));
  process.exitCode = result.problems.length === 0 ? 0 : 1;
} catch (error) {
  if (!stop.signal.aborted) console.error(error instanceof Error ? error.message : error);
  process.exitCode = stop.signal.aborted ? 130 : 1;
}
// The channel to tools/run.mjs would keep the process alive.
process.exit();

function within(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  console.error(`--${name} must be a whole number from ${least} to ${most}`);
  process.exit(2);
}

function chosen(names: string | undefined): Fault[] {
  if (names === undefined) return allFaults;
  return names.split(',').flatMap((wanted) => {
    const found = allFaults.filter(({ name }) => name === wanted || name.startsWith(`${wanted}:`));
    if (found.length > 0) return found;
    console.error(`There is no fault "${wanted}".\n\n${help}`);
    process.exit(2);
  });
}
