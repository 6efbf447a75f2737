import { appNames } from '@dits/local';
import { pick } from '../seeded-random.ts';
import type { Fault } from './fault.ts';

// More than a tier, less than a day of the history.
const STEP_MS = 10 * 60_000;

/** The clock of one app's machine is set off, and put right again later. */
export const clockSteps: Fault[] = [
  { name: 'clock:forward', offsetMs: STEP_MS },
  { name: 'clock:back', offsetMs: -STEP_MS },
].map(({ name, offsetMs }): Fault => ({
  name,
  lastsMs: [3_000, 6_000],
  async inject(rig, random) {
    const app = pick(appNames, random);
    rig.shiftClock(app, offsetMs);
    return { detail: app };
  },
  async heal(rig) {
    for (const app of appNames) rig.shiftClock(app, 0);
  },
}));
