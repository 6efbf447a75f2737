import { appNames } from '@dits/local';
import { pick } from '../seeded-random.ts';
import type { Fault } from './fault.ts';

/** Nothing passes between an app and its brokers: either connections are reset, or packets vanish without a word. */
export const networkCuts: Fault[] = appNames.map((app) => ({
  name: `cut:${app}`,
  // Some requests outlast it, some don't.
  lastsMs: [2_000, 15_000],
  async inject(rig, random) {
    const state = pick(['cut', 'silent'] as const, random);
    rig.cutFromKafka(app, state);
    return { detail: state === 'cut' ? 'reset' : 'silent' };
  },
  async heal(rig) {
    rig.cutFromKafka(app, 'open');
  },
}));
