import { expect, it, jest } from '@jest/globals';
import { allFaults } from './faults/index.ts';
import { report } from './report.ts';
import { runChaos } from './run-chaos.ts';

// A minute or two where nothing else runs.
jest.setTimeout(900_000);

// One of each kind that needs one broker only; `npm run chaos` has all of them.
const FAULTS = ['rolling', 'kill:dispatcher', 'kill:retrier', 'postgres', 'cut:router', 'receiver:500'];

it('loses nothing while apps, Postgres, the network and a receiver fail, and a rolling restart repeats only what was in flight', async () => {
  const stop = new AbortController();
  const result = await runChaos({
    instance: 'chaos-test',
    seed: 9,
    seconds: null,
    faults: allFaults.filter(({ name }) => FAULTS.includes(name)),
    brokers: 1,
    eventsPerSecond: 20,
    onProgress: (line) => process.stderr.write(`${line}\n`),
    signal: stop.signal,
  });
  console.log(report(result));
  expect(result.problems).toEqual([]);
  expect(result.lost).toBe(0);
  expect(result.faults.map(({ fault }) => fault).toSorted()).toEqual(['none', ...FAULTS].toSorted());
  for (const { fault, events, recoveryMs } of result.faults)
    expect({ fault, had: events > 0, recovered: recoveryMs !== null }).toEqual({
      fault,
      had: true,
      recovered: true,
    });
  for (const { webhook, expected, delivered } of result.webhooks)
    expect({ webhook, all: delivered >= expected }).toEqual({ webhook, all: true });
});
