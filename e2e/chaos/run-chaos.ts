import { setTimeout as pause } from 'node:timers/promises';
import { instanceDir, resetInstance, withLockOrThrow } from '@dits/local';
import type { Fault } from './faults/index.ts';
import { disagreements, disagreementsOfApi } from './history-check.ts';
import { Ledger } from './ledger.ts';
import { startLoad } from './load.ts';
import { RECOVERED_WITHIN_MS, recovered } from './recovery.ts';
import { summarize, type Broken, type ChaosResult } from './result.ts';
import { startRig, type Rig } from './rig.ts';
import { between, seededRandom, shuffled, type Random } from './seeded-random.ts';

export interface ChaosOptions {
  /** Of the services; what it holds is removed. */
  instance: string;
  seed: number;
  /** How long faults are begun, round after round; null: each fault once. */
  seconds: number | null;
  faults: Fault[];
  brokers: number;
  eventsPerSecond: number;
  onProgress: (line: string) => void;
  signal: AbortSignal;
}

/** Breaks things under load, one after the other in an order that the seed decides, and accounts for every event. */
export function runChaos(o: ChaosOptions): Promise<ChaosResult> {
  // Beside the instance's folder, which a run begins with removing.
  return withLockOrThrow(
    `${instanceDir(o.instance)}.lock`,
    async () => {
      const result = await run(o);
      // Data and logs are for whoever looks into what went wrong.
      if (result.problems.length === 0) await resetInstance({ instance: o.instance });
      return result;
    },
    (pid) => new Error(`Another run is at work on .local/${o.instance}: process ${pid}.`),
  );
}

async function run(o: ChaosOptions): Promise<ChaosResult> {
  const { seed, onProgress, signal } = o;
  const random = seededRandom(seed);
  const ledger = new Ledger();
  ledger.begin('start');
  const rig = await startRig({ ...o, onArrival: (arrival) => ledger.arrived(arrival) });
  const startedAtMs = Date.now();
  const load = startLoad({ rig, ledger, eventsPerSecond: o.eventsPerSecond });
  try {
    const context = { rig, ledger, random, signal };
    const broken: Broken[] = [];
    const problems: string[] = [];
    const isOver = (): boolean => o.seconds !== null && Date.now() - startedAtMs > o.seconds * 1000;
    const skipped = o.faults.flatMap(({ name, impossible }) => {
      const why = impossible?.(rig);
      return why ? [`${name}: ${why}`] : [];
    });
    const faults = o.faults.filter((fault) => !fault.impossible?.(rig));
    for (const fault of order({ ...o, faults, random, isOver })) {
      onProgress(`${Math.round((Date.now() - startedAtMs) / 1000)} s: ${fault.name}`);
      const result = await breakAndMend(fault, context);
      broken.push(result);
      if (result.recoveryMs === null) problems.push(`${fault.name}: ${NOT_RECOVERED}`);
      for (const app of rig.takeDeaths()) problems.push(`${fault.name}: ${app} ended by itself`);
      onProgress(`  ${describe(result)}`);
    }
    ledger.close();
    await load.stop();
    onProgress('the load has ended; waiting for what is on its way');
    const rest = await recovered({ ...context, underLoad: false });
    if (rest === null) problems.push(`the end: ${NOT_RECOVERED}`);
    problems.push(...(await disagreements(rig, ledger)), ...(await disagreementsOfApi(rig, ledger)));
    return summarize({ seed, startedAtMs, ledger, broken, problems, skipped });
  } finally {
    await load.stop();
    await rig.stop();
  }
}

const NOT_RECOVERED = `not recovered within ${RECOVERED_WITHIN_MS / 1000} s`;

/** What the others are compared with. */
const noFault: Fault = { name: 'none', lastsMs: [3_000, 5_000], inject: async () => ({}), async heal() {} };

function* order(o: { faults: Fault[]; seconds: number | null; random: Random; isOver: () => boolean }) {
  yield noFault;
  do {
    for (const fault of shuffled(o.faults, o.random)) {
      if (o.isOver()) return;
      yield fault;
    }
  } while (o.seconds !== null && !o.isOver());
}

async function breakAndMend(
  fault: Fault,
  o: { rig: Rig; ledger: Ledger; random: Random; signal: AbortSignal },
): Promise<Broken> {
  const { rig, ledger, random, signal } = o;
  // All chance before anything is broken: how long that takes must not change what comes.
  const lastsMs = between(...(fault.lastsMs ?? [1_000, 4_000]), random);
  const restMs = between(500, 2_000, random);
  const period = ledger.begin(fault.name);
  const injected = await fault.inject(rig, random);
  await pause(lastsMs, undefined, { signal });
  await fault.heal(rig);
  const recoveryMs = await recovered({ ...o, underLoad: true });
  await pause(restMs, undefined, { signal });
  ledger.end();
  return { period, injected, recoveryMs };
}

function describe({ period, injected, recoveryMs }: Broken): string {
  const { events, refused, repeated, longestGapMs } = period;
  const detail = injected.detail ? `${injected.detail}; ` : '';
  const recovery = recoveryMs === null ? NOT_RECOVERED : `well again after ${recoveryMs} ms`;
  return `${detail}${events} events, ${refused} refused, ${repeated} repeated, longest gap ${longestGapMs} ms, ${recovery}`;
}
