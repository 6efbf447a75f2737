import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunServices } from '@dits/testkit';
import { endApps } from './app-records.ts';
import type { Progress } from './downloads.ts';
import { instanceDir } from './paths.ts';
import { writePrivateJson } from './private-file.ts';
import { resetInstance, servicesStatus, startServices, stopServices } from './services.ts';

const instance = 'test';
const addressesPath = join(instanceDir(instance), 'services.json');

/**
 * Makes sure that the services of the instance `test` run, and that the testkit finds them: those that run already as
 * they are; else, with fresh data, containers where a Docker engine answers and local processes elsewhere
 * (DITS_TEST_SERVICES decides otherwise). The answer ends apps that a killed test has left, and stops the services when
 * they were started here.
 */
export async function holdTestServices(options: {
  onProgress: Progress;
  signal: AbortSignal;
}): Promise<() => Promise<void>> {
  const wasUp = servicesStatus(instance).some(({ running }) => running);
  const stop = wasUp ? await useThoseThatRun(options) : await startFresh(options);
  return async () => {
    await endApps(instanceDir(instance), { abandonedOnly: true });
    await stop();
  };
}

async function useThoseThatRun(options: {
  onProgress: Progress;
  signal: AbortSignal;
}): Promise<() => Promise<void>> {
  await startServices({ instance, ...options });
  return async () => {};
}

async function startFresh(options: {
  onProgress: Progress;
  signal: AbortSignal;
}): Promise<() => Promise<void>> {
  // Topics and databases of earlier runs only make everything slower.
  await resetInstance({ instance });
  // Who names a database means that one, which only the way without containers takes.
  const wish = process.env['DITS_DATABASE_URL'] ? 'processes' : undefined;
  // Here and not above: every end-to-end test would load testcontainers with this file.
  const { runServices } = await import('@dits/testkit/containers');
  const services = await runServices({ ...options, wish, processes: runProcesses });
  if (services.runBy === 'containers') writePrivateJson(addressesPath, services.addresses);
  return async () => {
    await services.stop();
    rmSync(addressesPath, { force: true });
  };
}

const runProcesses: RunServices = async (options) => {
  const stop = () => stopServices({ instance });
  try {
    const { kafka, registry, database } = await startServices({ instance, ...options });
    return { runBy: 'processes', addresses: { kafka, registry, database }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
