import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { madeOnce, writePrivateJson } from './private-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'private-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writePrivateJson', () => {
  it('writes a whole file, readable by its user alone, and leaves nothing beside it', () => {
    const path = join(folder, 'below', 'run.json');
    writePrivateJson(path, { token: 'first' });
    writePrivateJson(path, { token: 'second' });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ token: 'second' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'below'))).toEqual(['run.json']);
  });
});

describe('madeOnce', () => {
  it('keeps what was made first', () => {
    const path = join(folder, 'secrets.json');
    expect(madeOnce(path, () => ({ key: 'first' }))).toEqual({ key: 'first' });
    expect(madeOnce(path, () => ({ key: 'second' }))).toEqual({ key: 'first' });
  });
});
