import { GenericContainer } from 'testcontainers';
import { appNames, repositoryRoot, type AppName } from '@dits/local';

export const targets = [...appNames, 'tools'] as const;

/** The name of a target's image in these tests. */
export function imageOf(target: AppName | 'tools'): string {
  return `dits-webhooks/${target}:test`;
}

/** Builds every target of infra/docker/Dockerfile, one after the other: all but the first find nearly all of it done. */
export async function buildImages(onProgress: (line: string) => void): Promise<void> {
  for (const target of targets) {
    const startedAtMs = performance.now();
    await GenericContainer.fromDockerfile(repositoryRoot, 'infra/docker/Dockerfile')
      .withTarget(target)
      // Kept: the next run builds only what has changed.
      .build(imageOf(target), { deleteOnExit: false });
    onProgress(`built ${imageOf(target)} in ${Math.round((performance.now() - startedAtMs) / 1000)} s`);
  }
}
