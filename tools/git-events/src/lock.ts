import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

// A holder shows every 5 s that it lives; after 30 s of silence (a stopped machine) it is taken for dead.
const HEARTBEAT_MS = 5_000;
const SILENT_MS = 30_000;
const POLL_MS = 50;

/** A lock that is held; it is given back by `release`. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes the lock file `path`, waiting while another process has it. A lock whose process is gone is taken over.
 * Returns undefined when `signal` aborts first.
 *
 * Two may hold it for a moment when a holder is taken for dead and is not: they then send some events twice, under
 * the same ids.
 */
export async function takeLock(path: string, signal: AbortSignal): Promise<Lock | undefined> {
  const owner = `${process.pid} ${randomBytes(8).toString('hex')}`;
  while (!signal.aborted) {
    if (await create(path, owner)) return hold(path, owner);
    if (await isAbandoned(path)) await removeAbandoned(path, owner);
    else await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

function hold(path: string, owner: string): Lock {
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      if ((await read(path)) === owner) await rm(path, { force: true });
    },
  };
}

async function create(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx', mode: 0o660 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const [owner, age] = await Promise.all([read(path), ageMs(path)]);
  if (age === undefined) return false;
  const pid = Number(owner?.split(' ')[0]);
  // Between creating the file and writing it, it is empty.
  return age > SILENT_MS || (pid > 0 && !isAlive(pid));
}

/** Only one of several that saw the same dead owner moves the file away; a new owner's file is put back. */
async function removeAbandoned(path: string, owner: string): Promise<void> {
  const before = await read(path);
  const aside = `${path}.${owner.split(' ')[1]}`;
  try {
    await rename(path, aside);
    if ((await read(aside)) !== before) await rename(aside, path);
    else await rm(aside, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function ageMs(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats && Date.now() - stats.mtimeMs;
}
