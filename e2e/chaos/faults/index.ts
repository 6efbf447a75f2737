import { killedApps, stoppedApps } from './apps.ts';
import { clockSteps } from './clock.ts';
import { fullDisk } from './disk.ts';
import type { Fault } from './fault.ts';
import { networkCuts } from './network.ts';
import { flappingReceivers } from './receivers.ts';
import { rollingRestart } from './rolling.ts';
import { broker, postgres, registry } from './services.ts';

export type { Fault, Injected } from './fault.ts';

export const allFaults: Fault[] = [
  ...killedApps,
  ...stoppedApps,
  rollingRestart,
  postgres,
  registry,
  broker,
  ...networkCuts,
  fullDisk,
  ...clockSteps,
  ...flappingReceivers,
];
