import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { archiveOptions, classArchive, keepArchive } from './class-archive.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'class-archive-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ask = () => classArchive({ folder, java: process.execPath, instance: 'dev' });

describe('classArchive', () => {
  it('is written by the first run that ends well, and read by the next', () => {
    const first = ask();
    expect(archiveOptions(first)).toEqual([`-XX:ArchiveClassesAtExit=${first.writtenAtEnd}`]);
    writeFileSync(first.writtenAtEnd!, 'classes');
    keepArchive(first, { wasKilled: false });

    const second = ask();
    expect(archiveOptions(second)).toEqual([`-XX:SharedArchiveFile=${first.path}`]);
    expect(readFileSync(second.path, 'utf8')).toBe('classes');
  });

  it('is never what a killed run has left', () => {
    const first = ask();
    writeFileSync(first.writtenAtEnd!, 'half of the');
    keepArchive(first, { wasKilled: true });
    expect(existsSync(first.writtenAtEnd!)).toBe(false);
    expect(ask().writtenAtEnd).not.toBeNull();
  });

  it('is another one on another JVM', () => {
    const other = join(folder, 'java');
    writeFileSync(other, '');
    expect(classArchive({ folder, java: other, instance: 'dev' }).path).not.toBe(ask().path);
  });
});
