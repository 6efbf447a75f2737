import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '@dits/local';
import { parse } from 'yaml';

/** The images that ours are built on and run beside, from where they are written: the Dockerfile and compose.yaml. */
export function imageNames(): Record<'node' | 'kafka' | 'registry' | 'postgres', string> {
  const dockerfile = readFileSync(join(repositoryRoot, 'infra/docker/Dockerfile'), 'utf8');
  const compose = parse(readFileSync(join(repositoryRoot, 'infra/compose.yaml'), 'utf8')) as {
    services: Record<string, { image: string }>;
  };
  const image = (service: string) => compose.services[service]!.image;
  return {
    node: /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile)![1]!,
    kafka: image('kafka'),
    registry: image('registry'),
    postgres: image('postgres'),
  };
}
