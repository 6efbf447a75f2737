import { parseArgs } from 'node:util';
import { holdTestServices } from '@dits/local';
import { fuzz, fuzzEnvironment, somethingKnown } from './fuzz.ts';
import { startPlatform } from './platform.ts';
import { runCommand } from './run-command.ts';

const help = `npm run fuzz [-- [--app gateway|api] [--examples <n>] [--seed <n>]]

Starts all apps and sends to gateway and api what schemathesis makes of their /openapi.json: requests as they should be and
as they should not. Exits with 1 when one is answered by a 500, not at all, or otherwise than the document says, and shows
each with a command that repeats it.

  --app       only this one; default both
  --examples  made-up requests for each operation; default 100
  --seed      the same seed makes the same requests; default another one each time, which is printed

It uses the services of the instance "test", as npm test does, and stops what it has started.`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    app: { type: 'string' },
    examples: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
await runCommand({ help, isHelpWanted: values.help ?? false }, fuzzBoth);

async function fuzzBoth(signal: AbortSignal): Promise<number> {
  const apps = (['gateway', 'api'] as const).filter((app) => (values.app ?? app) === app);
  const [examples, seed] = [positive('examples'), positive('seed')];
  if (apps.length === 0) throw new Error(`--app takes gateway or api, not ${values.app}`);
  const onProgress = (line: string) => console.error(`  ${line}`);
  const releaseServices = await holdTestServices({ onProgress, signal });
  try {
    onProgress('starting the apps');
    const platform = await startPlatform({ env: fuzzEnvironment, signal });
    try {
      let isOk = true;
      for (const app of apps) {
        onProgress(`fuzzing the ${app} with --examples ${examples} --seed ${seed}`);
        const options = { examples, seed, hasEdges: true, onLine: console.log, signal };
        isOk = (await fuzz(platform, app, options)).ok && isOk;
        if (app === 'gateway') continue;
        onProgress('once more, at a webhook that exists');
        isOk = (await fuzz(platform, app, { ...options, known: await somethingKnown(platform) })).ok && isOk;
      }
      return isOk ? 0 : 1;
    } finally {
      await platform.stop();
    }
  } finally {
    await releaseServices();
  }
}

function positive(name: 'examples' | 'seed'): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} takes an integer above 0, not ${values[name]}`);
}
