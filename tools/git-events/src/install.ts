import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Git } from './git.js';
import { SENDER_VARIABLES } from './push.js';
import { readGateway, readId, SettingsError, writeSettings } from './settings.js';
import { Spool } from './spool.js';

/** What `git-events install` is told. Texts as given; they are checked here. */
export interface InstallOptions {
  repo: string;
  repositoryId: string;
  fullName: string;
  gateway: string;
  tokenFile: string;
  private?: boolean;
  owner?: string;
  ownerId?: string;
  ownerType?: string;
  defaultBranch?: string;
  url?: string;
  senderLogin?: string;
  senderId?: string;
  senderType?: string;
  /** Replace a post-receive hook that is not ours. */
  force?: boolean;
}

const MARK = '# Installed by git-events.';

/**
 * Writes the hook and the settings of one repository; again to change them. Returns the hook's path.
 * Throws {@link SettingsError} for a value that can't be used, or a hook that is somebody else's.
 */
export async function install(options: InstallOptions, tell: (message: string) => void): Promise<string> {
  const git = await openRepository(options.repo);
  readId('--repository-id', options.repositoryId);
  if (options.ownerId) readId('--owner-id', options.ownerId);
  if (options.senderId) readId('--sender-id', options.senderId);
  readGateway(options.gateway);
  if (!/^[^/\s]+\/[^/\s]+$/.test(options.fullName)) {
    throw new SettingsError(`--full-name must be owner/name, not "${options.fullName}"`);
  }
  const tokenFile = resolve(options.tokenFile);
  await checkTokenFile(tokenFile, tell);

  const hook = await hookPath(git);
  await checkForeignHook(hook, options.force ?? false);
  await new Spool(git.gitDir).open();
  await writeSettings(git, {
    repositoryId: options.repositoryId,
    fullName: options.fullName,
    private: options.private ? 'true' : 'false',
    gateway: options.gateway,
    tokenFile,
    owner: options.owner,
    ownerId: options.ownerId,
    ownerType: options.ownerType,
    defaultBranch: options.defaultBranch ?? (await currentBranch(git)),
    url: options.url,
    senderLogin: options.senderLogin,
    senderId: options.senderId,
    senderType: options.senderType,
  });
  await writeFile(hook, hookScript(process.execPath, fileURLToPath(new URL('./cli.js', import.meta.url))));
  await chmod(hook, 0o755);
  return hook;
}

/** Opens the git folder of a bare or other repository. Throws {@link SettingsError} when there is none. */
export async function openRepository(path: string): Promise<Git> {
  for (const candidate of [resolve(path), resolve(path, '.git')]) {
    const git = new Git(candidate);
    const found = await git.text(['rev-parse', '--git-dir']).catch(() => undefined);
    if (found !== undefined) return git;
  }
  throw new SettingsError(`${path} is not a git repository`);
}

async function currentBranch(git: Git): Promise<string | undefined> {
  const { stdout, exitCode } = await git.run(['symbolic-ref', '--short', 'HEAD'], { okCodes: [0, 1, 128] });
  return exitCode === 0 ? stdout.toString('utf8').trim() : undefined;
}

async function hookPath(git: Git): Promise<string> {
  const configured = await git.run(['config', '--path', 'core.hooksPath'], { okCodes: [0, 1] });
  const hooks = resolve(git.gitDir, configured.stdout.toString('utf8').trim() || 'hooks');
  await mkdir(hooks, { recursive: true });
  return join(hooks, 'post-receive');
}

async function checkForeignHook(hook: string, force: boolean): Promise<void> {
  const present = await readFile(hook, 'utf8').catch(() => undefined);
  if (present === undefined || present.includes(MARK) || force) return;
  throw new SettingsError(
    `${hook} is there already and not ours: call "git-events post-receive" from it with its standard input, ` +
      'or replace it with --force',
  );
}

async function checkTokenFile(path: string, tell: (message: string) => void): Promise<void> {
  const token = await readFile(path, 'utf8').catch(() => '');
  if (token.trim() === '') throw new SettingsError(`--token-file ${path} can't be read, or is empty`);
  const { mode } = await stat(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    tell(`others on this machine can read ${path}: chmod 600 it`);
  }
}

function hookScript(node: string, cli: string): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const sender = SENDER_VARIABLES.map((name) => `"${name}=$${name}"`).join(' \\\n  ');
  return `#!/bin/sh
${MARK} Tells Dits Webhooks what was pushed; a push never fails because of it.
# What was pushed is kept first, so that the next push can send it should this one get no further.
spool="\${GIT_DIR:-.}/dits-spool"
kept="$spool/received-$$-$(date +%s)"
mkdir -p "$spool"
{ printf '%s\\n' ${sender}; cat; } >"$kept.tmp" &&
  mv "$kept.tmp" "$kept.txt" &&
  ${quote(node)} ${quote(cli)} post-receive --kept ||
  echo 'dits: the hook could not run; events of this push are sent after the next one' >&2
exit 0
`;
}
