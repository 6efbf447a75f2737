import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';

/** The user the database runs as: Postgres refuses to run as root. */
export interface ProcessOwner {
  uid: number;
  gid: number;
}

/** Null when we are not root. As root the system's `postgres` user, else `nobody`, so that no user must be made. */
export function postgresOwner(): ProcessOwner | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const user = users.find(([login]) => login === name);
    if (user) return { uid: Number(user[2]), gid: Number(user[3]) };
  }
  throw new Error(
    'Running as root, Postgres needs a user "postgres" or "nobody", and the machine has neither.',
  );
}

// Only root needs this: a clone below /root or below a private temporary folder is closed to the other user.
const openPlace = '/var/lib/dits-webhooks';

/** The folder for an instance's database: its own, or one below /var/lib when the owner cannot get to that. */
export function databaseFolder(instanceFolder: string, owner: ProcessOwner | null): string {
  if (owner === null || canReach(instanceFolder, owner)) return join(instanceFolder, 'postgres');
  const name = createHash('sha256').update(instanceFolder).digest('hex').slice(0, 16);
  return join(openPlace, `instance-${name}`);
}

/** The folder with Postgres' programs: the package's own, or a copy below /var/lib when the owner cannot get to that. */
export function reachablePrograms(nativeFolder: string, version: string, owner: ProcessOwner | null): string {
  if (owner === null || canReach(join(nativeFolder, 'bin'), owner)) return nativeFolder;
  const copy = join(openPlace, `postgres-${version}`);
  if (!existsSync(copy)) {
    const partial = `${copy}.${process.pid}`;
    mkdirSync(openPlace, { recursive: true, mode: 0o755 });
    cpSync(nativeFolder, partial, { recursive: true, verbatimSymlinks: true });
    execFileSync('chmod', ['-R', 'a+rX', partial]);
    try {
      renameSync(partial, copy);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      if (!existsSync(copy)) throw error;
    }
  }
  return copy;
}

function canReach(folder: string, { uid, gid }: ProcessOwner): boolean {
  for (let dir = folder; ; dir = dirname(dir)) {
    const stats = statSync(dir);
    const mask = stats.uid === uid ? 0o100 : stats.gid === gid ? 0o010 : 0o001;
    if ((stats.mode & mask) === 0) return false;
    if (dir === dirname(dir)) return true;
  }
}
