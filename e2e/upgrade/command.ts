import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  appNames,
  instanceDir,
  resetInstance,
  startApps,
  startServices,
  stopServices,
  type AppName,
  type RunningApps,
} from '@dits/local';
import { runCommand } from '../run-command.ts';
import { formerBuild } from './former-build.ts';
import { Traffic, type Tally } from './traffic.ts';

const help = `npm run upgrade -- --from REF [--seconds N] [--rate N] [--json]

Goes from a former version to this one and back, under load. REF is a commit or tag; it is checked out and built in a tree of
its own (.local/builds). All apps of the former version run and events flow; this version's topics and migrations are
applied; then each app of this version starts beside the former one, and takes its place. When all are of this version, each
former app starts beside it again, and takes the place back: what an upgrade and a retreat from it do.

  --from REF    the former version
  --seconds N   how long two versions of an app run side by side, each time   (5)
  --rate N      events a second                                               (20)
  --json        one JSON object at the end

Exits with 1 when an accepted event did not arrive, the history differs from what the receiver saw, or a record became a dead letter.`;

// Who reads comes before who writes.
const ORDER: readonly AppName[] = ['recorder', 'dispatcher', 'retrier', 'router', 'api', 'gateway'];
const TIERS = '15s,1m,4m,15m,1h,4h,17h';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    from: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '20' },
    json: { type: 'boolean' },
  },
});
if (!values.help && values.from === undefined) {
  console.error(`--from is needed: which version is the former one?\n\n${help}`);
  process.exit(2);
}
const seconds = within('seconds', values.seconds, 1, 600);
const eventsPerSecond = within('rate', values.rate, 1, 200);
await runCommand({ help, isHelpWanted: values.help ?? false }, upgrade);

async function upgrade(signal: AbortSignal): Promise<number> {
  const onProgress = (line: string): void => console.error(`  ${line}`);
  const former = await formerBuild(values.from!, { onProgress, signal });
  await resetInstance({ instance: 'upgrade', onProgress });
  const services = await startServices({ instance: 'upgrade', onProgress, signal });
  const sets: RunningApps[] = [];
  let traffic: Traffic | undefined;
  try {
    const shared = { services, prefix: `u${Date.now().toString(36)}.`, signal, onProgress };
    const env = {
      // A third of the deliveries fail: open circuits would put the others off for minutes.
      all: { DITS_RETRY_TIERS: TIERS, DITS_LOG_LEVEL: 'warn', DITS_CIRCUIT_FAILURES: '0' },
    };
    const old = await startApps({ ...shared, env, root: former.root, folder: folderOf('former') });
    sets.push(old);
    const secrets = { DITS_SECRET_KEYS: old.secrets.secretKeys, DITS_TOKEN_KEY: old.secrets.tokenKey };
    let front = { gateway: old.gateway, api: old.api, token: old.token };
    traffic = await Traffic.start(() => front, eventsPerSecond);
    await sleep(seconds * 1000, undefined, { signal });

    // The same database, topics and groups, so each app shares its work with the other of its kind.
    const now: Partial<Record<AppName, RunningApps>> = {};
    for (const app of ORDER) {
      onProgress(`${app}: this version beside the former one`);
      const started = await startApps({
        ...shared,
        env: { all: { ...env.all, ...secrets }, api: { DITS_BOOTSTRAP_TOKEN: old.token } },
        folder: folderOf(`present-${app}`),
        apps: [app],
      });
      sets.push(started);
      now[app] = started;
      if (app === 'gateway') front = { ...front, gateway: started.gateway };
      if (app === 'api') front = { ...front, api: started.api };
      await sleep(seconds * 1000, undefined, { signal });
      await old.apps[app].stop();
    }
    onProgress(`all of this version: ${traffic.acceptedSoFar} events so far`);
    await sleep(seconds * 1000, undefined, { signal });

    for (const app of ORDER.toReversed()) {
      onProgress(`${app}: the former version beside this one`);
      await old.apps[app].start();
      if (app === 'gateway') front = { ...front, gateway: old.gateway };
      if (app === 'api') front = { ...front, api: old.api };
      await sleep(seconds * 1000, undefined, { signal });
      await now[app]!.stop();
    }
    onProgress('all of the former version again; waiting for what is under way');
    const tally = await traffic.settle(services.database);
    report(former.commit, tally);
    return tally.lost + tally.historyDiffers + tally.deadLetters === 0 ? 0 : 1;
  } finally {
    await traffic?.close();
    await Promise.all(sets.map((set) => set.stop()));
    await stopServices({ instance: 'upgrade', onProgress });
  }
}

function folderOf(name: string): string {
  const folder = join(instanceDir('upgrade'), name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function report(from: string, tally: Tally): void {
  if (values.json) return console.log(JSON.stringify({ from, apps: appNames.length, ...tally }));
  console.log(
    `\nfrom ${from} to this version and back, each of ${appNames.length} apps side by side for ${seconds} s each way:\n` +
      `accepted ${tally.accepted}, refused ${tally.refused}, lost ${tally.lost}, repeated POSTs ${tally.repeated}, ` +
      `history differs in ${tally.historyDiffers}, dead letters ${tally.deadLetters}`,
  );
}

function within(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (number >= min && number <= max) return number;
  console.error(`--${name} must be between ${min} and ${max}`);
  process.exit(2);
}
