import type { Fault } from './fault.ts';

/** Postgres' disk has no room left, until somebody makes some and starts what has given up. */
export const fullDisk: Fault = {
  name: 'disk',
  lastsMs: [6_000, 12_000],
  impossible: (rig) => (rig.disk ? null : 'mounting a small disk takes Linux and root'),
  async inject(rig) {
    await rig.disk!.fill();
    return {};
  },
  async heal(rig) {
    await rig.disk!.free();
    await rig.reviveServices();
  },
};
