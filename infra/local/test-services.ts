import { endApps } from './app-records.ts';
import type { Progress } from './downloads.ts';
import { instanceDir } from './paths.ts';
import { resetInstance, servicesStatus, startServices, stopServices } from './services.ts';

const instance = 'test';

/**
 * Makes sure that the services of the instance `test` run: with fresh data, unless they run already. The answer ends
 * apps that a killed test has left, and stops the services when they were started here.
 */
export async function holdTestServices(options: {
  onProgress: Progress;
  signal: AbortSignal;
}): Promise<() => Promise<void>> {
  const wasUp = servicesStatus(instance).some(({ running }) => running);
  const release = async () => {
    await endApps(instanceDir(instance), { abandonedOnly: true });
    if (!wasUp) await stopServices({ instance });
  };
  try {
    // Topics and databases of earlier runs only make everything slower.
    if (!wasUp) await resetInstance({ instance });
    await startServices({ instance, ...options });
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}
