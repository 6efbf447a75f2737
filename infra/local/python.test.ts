import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { askPython, findPython, type FoundPython } from './find-python.mjs';
import { repositoryRoot } from './paths.ts';
import { pythonPath } from './python.ts';

/** A machine on which these names are Pythons. */
function machine(pythons: Record<string, [minor: number, hasVenv: boolean]>) {
  return (program: string): FoundPython | null => {
    const [minor, hasVenv] = pythons[program] ?? [];
    return minor === undefined ? null : { program, version: [3, minor], hasVenv: hasVenv! };
  };
}

describe('findPython', () => {
  it('takes python3 when that is new enough', () => {
    const ask = machine({ python3: [11, true], 'python3.14': [14, true] });
    expect(findPython([3, 9], ask)).toMatchObject({ found: { program: 'python3' }, problem: null });
  });

  it('looks for a newer one beside a python3 that is too old', () => {
    const ask = machine({ python3: [8, true], 'python3.10': [10, true] });
    expect(findPython([3, 9], ask)).toMatchObject({ found: { program: 'python3.10' } });
  });

  it('passes over one without venv', () => {
    const ask = machine({ python3: [13, false], 'python3.12': [12, true] });
    expect(findPython([3, 9], ask)).toMatchObject({ found: { program: 'python3.12' } });
  });

  it.each<[string, Parameters<typeof machine>[0], RegExp]>([
    ['venv', { python3: [13, false] }, /python3 is 3\.13 and has no ensurepip.*apt install python3-venv/],
    ['a newer one', { python3: [8, true] }, /^Python 3\.9 or later.*found: python3 is 3\.8.*apt install/],
    ['any', {}, /^Python 3\.9 or later.*found: none/],
  ])('says what to install where it lacks %s', (_what, pythons, problem) => {
    expect(findPython([3, 9], machine(pythons))).toMatchObject({
      found: null,
      problem: expect.stringMatching(problem),
    });
  });

  it('finds no Python under the name of another program', () => {
    expect(askPython('git')).toBeNull();
    expect(askPython('no-such-program')).toBeNull();
  });
});

describe('the Python environment', () => {
  it('has what tools/python/requirements.txt pins', () => {
    const pinned = readFileSync(join(repositoryRoot, 'tools/python/requirements.txt'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('==') && !line.includes(';'));
    const { stdout, stderr } = spawnSync(pythonPath(), ['-m', 'pip', 'freeze'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.toLowerCase().split('\n')).toEqual(expect.arrayContaining(pinned));
  });
});
