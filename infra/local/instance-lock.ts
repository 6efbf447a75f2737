import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, startOf, type RecordedProcess } from './process-identity.ts';

/** Runs `work` while no other process holds the lock file; a holder that has died does not count. */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWaiting?: (holderPid: number) => void,
  signal?: AbortSignal,
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  // Linked into place, so that the lock is never there without its holder's name in it.
  const mine = `${path}.${randomUUID()}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) }));
  try {
    for (let told = false; !tryLink(mine, path); await delay(100)) {
      const holder = readHolder(path);
      if (holder && !isRunning(holder)) rmSync(path, { force: true });
      else if (holder && !told) {
        onWaiting?.(holder.pid);
        told = true;
      }
      signal?.throwIfAborted();
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Runs `work` while this process holds the lock file; throws what `onHeld` makes when another one holds it. */
export async function withLockOrThrow<T>(
  path: string,
  work: () => Promise<T>,
  onHeld: (holderPid: number) => Error,
): Promise<T> {
  const giveUp = new AbortController();
  const waiting = (pid: number) => giveUp.abort(onHeld(pid));
  return withLock(path, work, waiting, giveUp.signal);
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): RecordedProcess | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RecordedProcess;
  } catch {
    return null; // released in between
  }
}
