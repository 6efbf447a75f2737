import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { promisify } from 'node:util';
import { databaseFilesOf } from '@dits/local';

const run = promisify(execFile);

/** A file system of its own under Postgres' files, in memory. */
export interface SmallDisk {
  /** Leaves no room: the size becomes what is used. */
  fill(): Promise<void>;
  /** Gives the room back. */
  free(): Promise<void>;
  remove(): Promise<void>;
}

// Memory is taken only as it is used.
const SIZE = '3g';
// What is left when it is full: the kernel refuses to make it smaller than what is used, and Postgres writes meanwhile.
const LEFT_BYTES = 256 * 1024;

/** Mounts one; null where that is not allowed or not possible: it takes Linux and root. */
export async function makeSmallDisk(instance: string): Promise<SmallDisk | null> {
  const folder = databaseFilesOf(instance);
  mkdirSync(folder, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=755`, 'tmpfs', folder]);
  } catch {
    return null;
  }
  const resize = (size: string | number) => run('mount', ['-o', `remount,size=${size}`, folder]);
  return {
    async fill() {
      const { blocks, bfree, bsize } = statfsSync(folder);
      await resize((blocks - bfree) * bsize + LEFT_BYTES);
    },
    async free() {
      await resize(SIZE);
    },
    remove: () => removeSmallDisk(instance),
  };
}

export async function removeSmallDisk(instance: string): Promise<void> {
  const folder = databaseFilesOf(instance);
  const isMounted = () => mounts().includes(folder);
  if (isMounted()) await run('umount', ['--lazy', folder]);
}

function mounts(): string[] {
  try {
    const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    return lines.map((line) => line.split(' ')[1] ?? '');
  } catch {
    return []; // not Linux
  }
}
