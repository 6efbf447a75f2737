import { appNames } from '@dits/local';
import type { Fault } from './fault.ts';

/** Every app is stopped and started, one after the other, as a deployment does it. */
export const rollingRestart: Fault = {
  name: 'rolling',
  lastsMs: [0, 0],
  async inject(rig) {
    let inFlight = 0;
    for (const app of appNames) {
      inFlight += rig.receivers.open;
      await rig.apps[app].stop();
      await rig.apps[app].start();
    }
    return { repeatsAllowed: inFlight };
  },
  async heal() {},
};
