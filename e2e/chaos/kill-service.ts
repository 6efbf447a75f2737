import { servicesStatus } from '@dits/local';
import { until } from '@dits/testkit';
import type { Rig } from './rig.ts';

/** Sends the signal to a service of this run, which is not asked whether it likes it, and waits for its end. */
export async function killService(
  rig: Rig,
  wanted: 'postgres' | 'registry',
  signal: NodeJS.Signals,
): Promise<void> {
  const running = () => servicesStatus(rig.instance).find(({ name }) => name === wanted)?.pid ?? null;
  const pid = running();
  if (pid === null) return;
  process.kill(pid, signal);
  await until(`the end of ${wanted}`, () => running() === null, 30_000);
}
