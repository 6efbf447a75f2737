import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@dits/local';
import { read } from './read-files.ts';

const dockerfile = read('infra/docker/Dockerfile');
const versions = JSON.parse(read('infra/local/versions.json')) as { pnpm: string };
const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };

describe('infra/docker/Dockerfile', () => {
  it('has a target for every app, and one for the jobs', () => {
    const targets = [...dockerfile.matchAll(/^FROM \S+ AS (\w+)$/gm)].map(([, name]) => name!);
    const apps = readdirSync(join(repositoryRoot, 'apps'));
    expect(targets.toSorted()).toEqual([...apps, 'app', 'build', 'runtime', 'tools'].toSorted());
  });

  it('builds and runs on the Node and the pnpm that the repository has', () => {
    expect(dockerfile).toContain(`ARG NODE_IMAGE=node:${devDependencies.node}-bookworm-slim\n`);
    expect(dockerfile).toContain(`ARG PNPM_VERSION=${versions.pnpm}\n`);
  });

  it('runs as a user that is known to be nobody special, and never changes that', () => {
    expect([...dockerfile.matchAll(/^USER (.+)$/gm)].map(([, user]) => user)).toEqual(['1000:1000']);
  });

  it('holds no secret', () => {
    expect(dockerfile).not.toMatch(/(SECRET|TOKEN|PASSWORD|DATABASE_URL)\S*=/);
  });
});
