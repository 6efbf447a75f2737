import { appNames } from '@dits/local';
import { inFlight } from '../in-flight.ts';
import type { Fault } from './fault.ts';

/** An app ends without a chance to tidy up, and is started again. */
export const killedApps: Fault[] = appNames.map((app) => ({
  name: `kill:${app}`,
  async inject(rig) {
    await rig.apps[app].kill();
    return {};
  },
  heal: (rig) => rig.apps[app].start(),
}));

/** An app is asked to end, as at every deployment, and is started again. */
export const stoppedApps: Fault[] = appNames.map((app) => ({
  name: `term:${app}`,
  async inject(rig) {
    const repeatsAllowed = await inFlight(rig, app);
    await rig.apps[app].stop();
    return { repeatsAllowed };
  },
  heal: (rig) => rig.apps[app].start(),
}));
