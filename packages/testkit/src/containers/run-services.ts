import { getContainerRuntimeClient } from 'testcontainers';
import type { RunningServices, RunServices } from '../running-services.js';
import { startServiceContainers } from './start-service-containers.js';

/** Options of {@link runServices}. */
export interface RunServicesOptions {
  /** How to run them without containers. */
  processes: RunServices;
  /** `containers` or `processes`: what somebody wishes; else whatever the machine offers. Default `DITS_TEST_SERVICES`. */
  wish?: string | undefined;
  /** Default: asks the engine. */
  engineAnswers?: () => Promise<boolean>;
  /** Default {@link startServiceContainers}. */
  containers?: RunServices;
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * Runs the real services for tests: as containers where a Docker engine answers, as local processes elsewhere. Throws
 * when the wish is neither, or is for containers and no engine answers.
 */
export async function runServices(o: RunServicesOptions): Promise<RunningServices> {
  const { wish = process.env['DITS_TEST_SERVICES'] || undefined, engineAnswers = dockerEngineAnswers } = o;
  const { processes, containers = startServiceContainers, onProgress = () => {}, signal } = o;
  const run = { onProgress, ...(signal && { signal }) };
  switch (wish) {
    case 'processes':
      return processes(run);
    case undefined:
      return (await engineAnswers()) ? containers(run) : processes(run);
    case 'containers':
      if (await engineAnswers()) return containers(run);
      throw new Error(
        'DITS_TEST_SERVICES is containers, but no Docker engine answers: start one, or set DOCKER_HOST.',
      );
    default:
      throw new Error(`DITS_TEST_SERVICES is "${wish}": use containers or processes, or leave it out.`);
  }
}

/** Whether a Docker engine answers, at `DOCKER_HOST` or at one of the sockets where engines listen. */
export async function dockerEngineAnswers(): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false; // testcontainers says only that none of its ways led to an engine
  }
}
