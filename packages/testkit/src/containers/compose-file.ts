import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { repositoryRoot } from '../repository-root.js';

/** What infra/compose.yaml says of one service, as far as tests run it. */
export interface ComposeService {
  image: string;
  command?: string[];
  environment: Record<string, string>;
  healthcheck: { test: string[] };
}

/** Kafka, the registry and Postgres as infra/compose.yaml runs them: the one place for images, versions and settings. */
export function composeServices(): Record<'kafka' | 'registry' | 'postgres', ComposeService> {
  const file = parse(readFileSync(join(repositoryRoot(), 'infra/compose.yaml'), 'utf8'), { merge: true }) as {
    services: Record<string, Omit<ComposeService, 'environment'> & { environment: Record<string, unknown> }>;
  };
  const service = (name: string): ComposeService => {
    const { image, command, environment, healthcheck } = file.services[name]!;
    const asText = Object.entries(environment).map(([key, value]) => [key, String(value)]);
    return { image, environment: Object.fromEntries(asText), healthcheck, ...(command && { command }) };
  };
  return { kafka: service('kafka'), registry: service('registry'), postgres: service('postgres') };
}

/** A health check, `[CMD, program, …]` or `[CMD-SHELL, line]`, as one line for a shell. */
export function healthLine({ healthcheck: { test } }: ComposeService): string {
  const [how, ...words] = test;
  return how === 'CMD-SHELL' ? words.join(' ') : words.map((word) => `'${word}'`).join(' ');
}
