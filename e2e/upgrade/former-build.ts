import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@dits/local';

const run = promisify(execFile);

/** A commit, checked out and built. */
export interface FormerBuild {
  /** Abbreviated. */
  commit: string;
  /** Its tree. */
  root: string;
}

/** Checks a commit out into a tree of its own and builds it, a minute or two; what was built before is used again. */
export async function formerBuild(
  ref: string,
  { onProgress, signal }: { onProgress: (line: string) => void; signal: AbortSignal },
): Promise<FormerBuild> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: repositoryRoot, signal })).stdout.trim();
  const commit = await git('rev-parse', '--short=12', '--verify', `${ref}^{commit}`);
  const root = join(repositoryRoot, '.local', 'builds', commit);
  const built = join(root, '.built');
  if (existsSync(built)) return { commit, root };

  onProgress(`checking out and building ${ref} (${commit})`);
  mkdirSync(dirname(root), { recursive: true });
  // What a build that was broken off has left.
  rmSync(root, { recursive: true, force: true });
  await git('worktree', 'prune');
  await git('worktree', 'add', '--detach', '--force', root, commit);
  const inTree = { cwd: root, signal, maxBuffer: 64 * 1024 * 1024 };
  await run('pnpm', ['install', '--frozen-lockfile'], inTree);
  await run(
    'pnpm',
    ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--concurrency=2'],
    inTree,
  );
  writeFileSync(built, '');
  return { commit, root };
}
