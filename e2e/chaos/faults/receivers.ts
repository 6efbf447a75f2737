import { pick } from '../seeded-random.ts';
import type { Fault } from './fault.ts';

/** One of the receivers fails for a while, in one way or another. */
export const flappingReceivers: Fault[] = (['500', 'refused', 'hang'] as const).map((mode) => ({
  name: `receiver:${mode}`,
  // Longer than the 10 s that an attempt may take.
  lastsMs: mode === 'hang' ? [11_000, 14_000] : [4_000, 10_000],
  async inject(rig, random) {
    const receiver = pick([...rig.receivers.urls.keys()], random);
    await rig.receivers.become(receiver, mode);
    return { detail: `${receiver + 1} of ${rig.receivers.urls.length}` };
  },
  async heal(rig) {
    for (const receiver of rig.receivers.urls.keys()) await rig.receivers.become(receiver, 'usual');
  },
}));
