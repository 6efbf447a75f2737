import { appNames } from '@dits/local';
import { inFlight } from '../in-flight.ts';
import type { Fault } from './fault.ts';

/** Every app is stopped and started, one after the other, as a deployment does it. */
export const rollingRestart: Fault = {
  name: 'rolling',
  lastsMs: [0, 0],
  async inject(rig) {
    let repeatsAllowed = 0;
    for (const app of appNames) {
      repeatsAllowed += await inFlight(rig, app);
      await rig.apps[app].stop();
      await rig.apps[app].start();
    }
    return { repeatsAllowed };
  },
  async heal() {},
};
