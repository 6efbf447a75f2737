import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseTokenKeys, SecretBox } from '@dits/signing';
import { appSettings, read } from './read-files.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'make-env-'));
  path = join(folder, '.env');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const makeEnv = () =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'make-env.mjs'), path], { encoding: 'utf8' });

describe('npm run compose:env', () => {
  it('makes every secret that compose.yaml asks for, readable by its user alone', () => {
    expect(makeEnv().status).toBe(0);
    const asked = [...read('infra/compose.yaml').matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!);
    expect(Object.keys(parseEnv(readFileSync(path, 'utf8'))).toSorted()).toEqual(
      [...new Set(asked)].toSorted(),
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('makes keys and a token that the apps take', async () => {
    makeEnv();
    const made = parseEnv(readFileSync(path, 'utf8'));
    expect(parseTokenKeys(made['DITS_TOKEN_KEY']!)).toHaveLength(1);
    expect(() => SecretBox.parseKeys(made['DITS_SECRET_KEYS']!)).not.toThrow();
    const token = (await appSettings()).api.find(({ env }) => env === 'DITS_BOOTSTRAP_TOKEN')!;
    expect(token.schema.safeParse(made['DITS_BOOTSTRAP_TOKEN']).success).toBe(true);
    for (const name of ['DITS_DATABASE_PASSWORD', 'DITS_GRAFANA_DATABASE_PASSWORD'])
      expect(made[name]).toMatch(/^[\w-]{32}$/); // in a url and in SQL as it is
  });

  it('leaves a file that is there as it is', () => {
    makeEnv();
    const before = readFileSync(path, 'utf8');
    const { status, stderr } = makeEnv();
    expect([status, readFileSync(path, 'utf8')]).toEqual([1, before]);
    expect(stderr).toContain('left as it is');
  });
});
