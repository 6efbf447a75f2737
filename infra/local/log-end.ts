import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

// 64 KiB: enough for the last stack trace of a JVM, little enough for a terminal's scrollback.
const mostBytes = 64 * 1024;

/** The last lines of a log, from `fromByte` on (what was there before belongs to an earlier run). */
export function logEnd(path: string, lines = 25, fromByte = 0): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '(no log)';
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(fromByte, size - mostBytes, 0);
    const bytes = Buffer.alloc(Math.max(size - start, 0));
    readSync(file, bytes, 0, bytes.length, start);
    const text = bytes.toString('utf8').trimEnd();
    return text === '' ? '(log is empty)' : text.split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}
