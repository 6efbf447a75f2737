import { createHash } from 'node:crypto';
import { existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where a JVM program's loaded classes are archived: with it Kafka needs 4.5 s of CPU to start instead of 8. */
export interface ClassArchive {
  /** Whole; shared by all instances. */
  path: string;
  /** What the program that runs now writes when it ends; null when there is an archive already. */
  writtenAtEnd: string | null;
}

/**
 * The archive of the program in a folder (and there it is kept: it is good for exactly these jars) on this JVM, and what
 * is to be done about it at this start.
 */
export function classArchive(options: { folder: string; java: string; instance: string }): ClassArchive {
  const { folder, java, instance } = options;
  // An archive is good for exactly one build of the JVM.
  const jvm = createHash('sha256').update(jvmIdentity(java)).digest('hex').slice(0, 8);
  const path = join(folder, `classes-${jvm}.jsa`);
  if (existsSync(path)) return { path, writtenAtEnd: null };
  const writtenAtEnd = `${path}.${instance}`;
  rmSync(writtenAtEnd, { force: true });
  return { path, writtenAtEnd };
}

/** The options that make the JVM read or write the archive. */
export function archiveOptions({ path, writtenAtEnd }: ClassArchive): string[] {
  return writtenAtEnd === null
    ? [`-XX:SharedArchiveFile=${path}`]
    : [`-XX:ArchiveClassesAtExit=${writtenAtEnd}`];
}

/** Puts what an ended program has written in its place, or away when the program was killed: it may be cut off. */
export function keepArchive({ path, writtenAtEnd }: ClassArchive, options: { wasKilled: boolean }): void {
  if (writtenAtEnd === null || !existsSync(writtenAtEnd)) return;
  if (options.wasKilled) rmSync(writtenAtEnd, { force: true });
  else renameSync(writtenAtEnd, path);
}

function jvmIdentity(java: string): string {
  try {
    const path = realpathSync(java);
    return `${path} ${statSync(path).mtimeMs}`;
  } catch {
    return java; // found by the PATH
  }
}
