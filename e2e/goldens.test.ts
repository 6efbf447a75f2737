import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { pythonPath, repositoryRoot } from '@dits/local';

it('golden bytes are read and written alike by an Avro that is not ours', () => {
  const folder = join(repositoryRoot, 'schemas/golden');
  const values = globSync('v*/*/*.json', { cwd: folder }).flatMap(
    (path) => (JSON.parse(readFileSync(join(folder, path), 'utf8')) as { values: unknown[] }).values,
  );
  const script = join(import.meta.dirname, 'read-goldens.py');
  const read = execFileSync(pythonPath(), [script, folder], { encoding: 'utf8' });
  expect(values.length).toBeGreaterThan(50);
  expect(Number(read)).toBe(values.length);
}, 30_000);
