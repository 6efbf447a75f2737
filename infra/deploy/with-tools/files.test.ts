import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appNames, repositoryRoot } from '@dits/local';
import { run, runToFail } from './run-tool.ts';

describe('infra/docker', () => {
  it('has a Dockerfile that hadolint finds nothing in', () => {
    run('hadolint', ['infra/docker/Dockerfile']);
  });

  it('has scripts that shellcheck finds nothing in', () => {
    const scripts = globSync('infra/docker/{*.sh,bin/*,local-base/*.sh}', { cwd: repositoryRoot });
    expect(scripts.length).toBeGreaterThan(3);
    run('shellcheck', scripts);
  });
});

describe('infra/prometheus/prometheus.yml', () => {
  it('is a configuration of Prometheus', () => {
    run('promtool', ['check', 'config', 'infra/prometheus/prometheus.yml']);
  });
});

describe('infra/compose.yaml', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'compose-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const config = (envFile: string) => [
    'compose',
    '-f',
    'infra/compose.yaml',
    '--env-file',
    envFile,
    'config',
    '--format',
    'json',
  ];
  // Whatever the shell of this test has set would stand above the file.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DITS_')));

  it('is one that Docker Compose takes, with the file that npm run compose:env makes', () => {
    const envFile = join(folder, '.env');
    expect(
      spawnSync(process.execPath, ['infra/deploy/make-env.mjs', envFile], { cwd: repositoryRoot }).status,
    ).toBe(0);
    const { services } = JSON.parse(run('docker', config(envFile), env)) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    expect(Object.keys(services)).toEqual(
      expect.arrayContaining([...appNames, 'topics', 'migrations', 'prometheus', 'grafana']),
    );
    const made = parseEnv(readFileSync(envFile, 'utf8'));
    expect(services['api']!.environment).toMatchObject({
      DITS_SECRET_KEYS: made['DITS_SECRET_KEYS'],
      DITS_TOKEN_KEY: made['DITS_TOKEN_KEY'],
      DITS_DATABASE_URL: `postgres://dits:${made['DITS_DATABASE_PASSWORD']}@postgres:5432/dits`,
    });
  });

  it('says how to make the secrets when there are none', () => {
    const { status, said } = runToFail('docker', config('/dev/null'), env);
    expect(status).not.toBe(0);
    expect(said).toContain('npm run compose:env');
  });
});
