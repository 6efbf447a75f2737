import { killService } from '../kill-service.ts';
import { pick } from '../seeded-random.ts';
import type { Fault } from './fault.ts';

/** Postgres dies with all its sessions, by SIGKILL or by its own immediate shutdown; both leave recovery to its start. */
export const postgres: Fault = {
  name: 'postgres',
  lastsMs: [3_000, 8_000],
  async inject(rig, random) {
    const signal = pick(['SIGKILL', 'SIGQUIT'] as const, random);
    await killService(rig, 'postgres', signal);
    return { detail: signal };
  },
  heal: (rig) => rig.reviveServices(),
};

/** The registry dies. Whoever runs knows its schemas and goes on. */
export const registry: Fault = {
  name: 'registry',
  lastsMs: [3_000, 8_000],
  async inject(rig) {
    await killService(rig, 'registry', 'SIGKILL');
    return {};
  },
  heal: (rig) => rig.reviveServices(),
};

/** One broker dies, by SIGKILL or by a shutdown in order; the others have everything. A single one is back later. */
export const broker: Fault = {
  name: 'broker',
  lastsMs: [5_000, 12_000],
  async inject(rig, random) {
    const node = pick(rig.cluster.nodes, random);
    const signal = pick(['SIGKILL', 'SIGTERM'] as const, random);
    await node.stop(signal);
    return { detail: `${node.id} of ${rig.cluster.nodes.length}, ${signal}` };
  },
  async heal(rig) {
    // Those that run stay as they are.
    for (const node of rig.cluster.nodes) await node.start();
  },
};
