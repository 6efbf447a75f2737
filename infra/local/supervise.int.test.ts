import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clearFolderForApps, endApps, recordApps } from './app-records.ts';
import { withLock } from './instance-lock.ts';
import { writePrivateJson } from './private-file.ts';
import { isRunning } from './process-identity.ts';
import {
  ProcessDied,
  startProcess,
  stopProcess,
  waitUntilReady,
  watchProcess,
  type StartedProcess,
} from './supervise.ts';

let folder: string;
let started: StartedProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'supervise-'));
  started = [];
});
afterEach(async () => {
  for (const one of started) await stopProcess(one, { signal: 'SIGKILL', timeoutMs: 1_000 });
  rmSync(folder, { recursive: true, force: true });
});

async function run(script: string): Promise<StartedProcess> {
  const one = await startProcess({
    name: 'made-up',
    command: process.execPath,
    args: ['-e', script],
    env: {},
    logFile: join(folder, 'logs/made-up.log'),
  });
  started.push(one);
  return one;
}

const forEver = 'setInterval(() => {}, 1000);';
const never = { isReady: async () => false, timeoutMs: 60_000 };

describe('a process that is waited for', () => {
  it('is reported with the end of its log as soon as it dies, not after the time-out', async () => {
    const failing = await run('console.log("before"); console.error("no room on the disk"); process.exit(3)');
    const startedAtMs = Date.now();
    const failure = await waitUntilReady(failing, never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProcessDied);
    expect((failure as Error).message).toMatch(
      /^made-up ended while it was starting.*\n.*before\nno room on the disk$/s,
    );
    expect(Date.now() - startedAtMs).toBeLessThan(10_000);
  });

  it('is reported without what an earlier run has left in the log', async () => {
    await waitUntilReady(await run('console.log("earlier run")'), never).catch(() => {});
    const failure = await waitUntilReady(await run('console.log("this run")'), never).catch(
      (error: Error) => error,
    );
    expect((failure as Error).message).toContain('this run');
    expect((failure as Error).message).not.toContain('earlier run');
  });

  it('is named when its program is not there', async () => {
    const missing = {
      name: 'made-up',
      command: join(folder, 'nothing'),
      args: [],
      env: {},
      logFile: join(folder, 'log'),
    };
    await expect(startProcess(missing)).rejects.toThrow('made-up cannot be started');
  });

  it('is no longer waited for when the wait is called off', async () => {
    const stop = new AbortController();
    const wait = waitUntilReady(await run(forEver), { ...never, signal: stop.signal });
    stop.abort(new Error('called off'));
    await expect(wait).rejects.toThrow('called off');
  });
});

describe('a process that runs', () => {
  it('is reported when it dies later', async () => {
    const running = await run(`console.log("up"); ${forEver}`);
    const death = new Promise<ProcessDied>((resolve) => watchProcess(running, resolve));
    await stopProcess(running, { signal: 'SIGKILL', timeoutMs: 5_000 });
    expect((await death).message).toMatch(/^made-up ended unexpectedly/);
  });

  it('is killed when it does not stop in time', async () => {
    const stubborn = await run(`process.on('SIGTERM', () => {}); console.log("up"); ${forEver}`);
    await stopProcess(stubborn, { timeoutMs: 300 });
    expect(isRunning(stubborn)).toBe(false);
  });

  it('is left alone when the record is of another process', async () => {
    const running = await run(forEver);
    await stopProcess({ ...running, startedAt: 'long ago' }, { timeoutMs: 1_000 });
    expect(isRunning(running)).toBe(true);
  });
});

describe('apps whose starter was killed', () => {
  const gone = { pid: 2 ** 22 - 1, startedAt: 'long ago' };

  it('are ended by the next one in the same folder', async () => {
    const app = await run(forEver);
    writePrivateJson(join(folder, 'apps.process.json'), { starter: gone, processes: [app] });
    await clearFolderForApps(folder);
    expect(isRunning(app)).toBe(false);
  });

  it('are found in folders below', async () => {
    const app = await run(forEver);
    writePrivateJson(join(folder, 'a/b/apps.process.json'), { starter: gone, processes: [app] });
    await endApps(folder, { abandonedOnly: true });
    expect(isRunning(app)).toBe(false);
  });

  it('are not those of a starter that still runs', async () => {
    const app = await run(forEver);
    recordApps(folder, [app]);
    await endApps(folder, { abandonedOnly: true });
    expect(isRunning(app)).toBe(true);
    await expect(clearFolderForApps(folder)).rejects.toThrow('are running already');
  });
});

describe('the lock of an instance', () => {
  it('lets one in at a time', async () => {
    const path = join(folder, 'lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    await Promise.all([withLock(path, work), withLock(path, work), withLock(path, work)]);
    expect(most).toBe(1);
  });

  it('passes over a holder that is gone', async () => {
    const path = join(folder, 'lock');
    writeFileSync(path, JSON.stringify({ pid: 2 ** 22 - 1, startedAt: 'long ago' }));
    expect(await withLock(path, async () => 'in')).toBe('in');
  });
});
