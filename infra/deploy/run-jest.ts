import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '@dits/local';

/** Runs the tests of one folder here and answers with the exit code. */
export function runJest(folder: string, args: readonly string[]): number {
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jest = join(repositoryRoot, 'node_modules/jest/bin/jest.js');
  const config = join(import.meta.dirname, folder, 'jest.config.mjs');
  const { status } = spawnSync(
    process.execPath,
    [...node, jest, '--config', config, '--runInBand', ...args],
    {
      cwd: repositoryRoot,
      stdio: 'inherit',
    },
  );
  return status ?? 1;
}
