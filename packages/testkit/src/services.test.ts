import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readServices } from './services.js';
import { uniquePrefix } from './unique-prefix.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'services-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('readServices', () => {
  it('says how to start the services when they are not running', () => {
    expect(() => readServices(join(folder, 'services.json'))).toThrow('npm run stack -- up --instance test');
  });

  it('refuses a file that lacks an address', () => {
    const path = join(folder, 'services.json');
    writeFileSync(path, JSON.stringify({ kafka: '127.0.0.1:1', registry: '' }));
    expect(() => readServices(path)).toThrow('names no kafka, registry or database');
  });

  it('reads the addresses and nothing else', () => {
    const path = join(folder, 'services.json');
    const addresses = {
      kafka: '127.0.0.1:1',
      registry: 'http://127.0.0.1:2',
      database: 'postgres://127.0.0.1:3/x',
    };
    writeFileSync(path, JSON.stringify({ ...addresses, pids: { kafka: 4 } }));
    expect(readServices(path)).toEqual(addresses);
  });
});

describe('uniquePrefix', () => {
  it('is good for topics and never the same', () => {
    const [one, other] = [uniquePrefix(), uniquePrefix()];
    expect(one).toMatch(/^t[0-9a-f]{8}\.$/);
    expect(other).not.toBe(one);
  });
});
