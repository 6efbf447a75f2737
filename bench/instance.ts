import { instanceDir, resetInstance, startServices, stopServices, type Services } from '@dits/local';

const INSTANCE = 'bench';
const onProgress = (line: string): void => console.error(line);

/** Folder of the benchmarks' own instance. */
export const benchFolder = instanceDir(INSTANCE);

/**
 * Starts the real services with nothing in them, so that every benchmark begins with the same: what earlier ones have left in
 * Postgres makes each row and each count slower.
 */
export async function startEmptyServices(signal: AbortSignal): Promise<Services> {
  await removeServices();
  return startServices({ instance: INSTANCE, onProgress, signal });
}

/** Stops the services and leaves their data and all logs, for whoever wants to know why a benchmark failed; the next one removes them. */
export function keepServices(): Promise<void> {
  return stopServices({ instance: INSTANCE, onProgress });
}

/** Stops what runs in the instance, and removes its data and its logs. */
export function removeServices(): Promise<void> {
  return resetInstance({ instance: INSTANCE, onProgress });
}
