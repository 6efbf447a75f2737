import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

/** A bare repository with the hook of tools/git-events, and a clone to push from. */
export interface GitRepository {
  bare: string;
  /** Runs git in the clone and gives what it printed, both streams. */
  git(...args: string[]): Promise<string>;
  /** Writes a file in the clone and commits it. */
  commit(path: string, text: string, message: string): Promise<string>;
  /** Sends what the hook could not. */
  flush(): Promise<void>;
}

/** Makes both below `folder`; pushes then reach `gateway`. */
export async function makeGitRepository(o: {
  folder: string;
  repositoryId: number;
  gateway: string;
  token: string;
}): Promise<GitRepository> {
  mkdirSync(o.folder, { recursive: true });
  const bare = join(o.folder, 'project.git');
  const work = join(o.folder, 'project');
  const tokenFile = join(o.folder, 'token');
  writeFileSync(tokenFile, o.token, { mode: 0o600 });
  const person = { name: 'Zoë 🎬', email: 'zoe@example.com' };
  const env = {
    PATH: process.env.PATH,
    HOME: o.folder,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: person.name,
    GIT_AUTHOR_EMAIL: person.email,
    GIT_COMMITTER_NAME: person.name,
    GIT_COMMITTER_EMAIL: person.email,
  };
  const hook = (...args: string[]): Promise<unknown> =>
    run(process.execPath, [join(root, 'tools/git-events/dist/cli.js'), ...args], { env });
  const git = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run('git', args, { cwd: work, env, maxBuffer: 64 * 1024 * 1024 });
    return stdout + stderr;
  };
  mkdirSync(work);
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare], { env });
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', bare);
  await hook(
    'install',
    `--repo=${bare}`,
    `--repository-id=${o.repositoryId}`,
    '--full-name=studio/project',
    `--gateway=${o.gateway}`,
    `--token-file=${tokenFile}`,
    '--sender-login=zoe',
    '--sender-id=456',
  );
  return {
    bare,
    git,
    async commit(path, text, message) {
      mkdirSync(join(work, dirname(path)), { recursive: true });
      writeFileSync(join(work, path), text);
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '-m', message);
      return (await git('rev-parse', 'HEAD')).trim();
    },
    flush: async () => void (await hook('flush', `--repo=${bare}`)),
  };
}
