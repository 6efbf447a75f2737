import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './paths.ts';

/**
 * The interpreter of the virtual environment with the packages of `tools/python/requirements.txt`, which `npm test`,
 * `npm run conformance` and `npm run setup` make. Throws, saying so, when it is not there.
 */
export function pythonPath(): string {
  const path = join(repositoryRoot, '.local/python/bin/python');
  if (!existsSync(path))
    throw new Error(`There is no Python environment: ${path} is missing. Make it with: npm run setup`);
  return path;
}
