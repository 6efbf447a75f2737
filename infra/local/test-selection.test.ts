import { execFileSync } from 'node:child_process';
import { relative } from 'node:path';
import { expect, it } from '@jest/globals';
import { repositoryRoot } from './paths.ts';
import { selectionOf, TEST_PARTS } from './test-selection.ts';

function list(args: string[]): string[] {
  const command = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--listTests', ...args];
  const out = execFileSync(process.execPath, command, {
    cwd: repositoryRoot,
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return out
    .split('\n')
    .filter((line) => line.endsWith('.test.ts')) // the others say which projects they are of
    .map((file) => relative(repositoryRoot, file))
    .sort();
}

it('makes the parts of the whole: each test in one of them, and none that the whole leaves out', () => {
  const parts = TEST_PARTS.map((part) => list(selectionOf(part)));
  expect(parts.flat().sort()).toEqual(list([]));
  const [unit, int, e2e] = parts;
  expect(unit!.filter((file) => /\.int\.test\.ts$|^e2e\//.test(file))).toEqual([]);
  expect(int!.every((file) => file.endsWith('.int.test.ts'))).toBe(true);
  expect(e2e!.every((file) => file.startsWith('e2e/'))).toBe(true);
}, 60_000);
