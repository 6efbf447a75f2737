import { homedir } from 'node:os';
import { join } from 'node:path';

/** The root of the repository. */
export const repositoryRoot = join(import.meta.dirname, '../..');

/** The instance that `npm start` uses. */
export const defaultInstance = 'dev';

const localDir = join(repositoryRoot, '.local');

/** Where an instance keeps its data, logs and secrets. Throws on a name that is no plain folder name. */
export function instanceDir(instance: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(instance)) {
    throw new Error(`instance "${instance}": use lower-case letters, digits and "-"`);
  }
  return join(localDir, instance);
}

/** The file that tells scripts what runs where, there only while everything is ready. */
export function runFilePath(instance: string): string {
  return join(instance === defaultInstance ? localDir : instanceDir(instance), 'run.json');
}

/** Where downloads are kept: shared by all clones of one user, so that a second clone fetches nothing again. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env['DITS_CACHE_DIR'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dits-webhooks');
}
