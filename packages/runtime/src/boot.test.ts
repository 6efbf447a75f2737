import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';

// The built package in a process of its own: signals and exit codes can't be seen from inside.
const FIXTURE = join(import.meta.dirname, '../fixtures/http-app.mjs');

// A start takes a second of one core, and the cores may be busy.
jest.setTimeout(60_000);

type Line = Record<string, unknown> & { msg: string; what?: string };

class Fixture {
  readonly lines: Line[] = [];
  stderr = '';
  readonly exit: Promise<number>;
  private readonly child: ChildProcess;
  private readonly watchers = new Set<() => void>();

  constructor(kind: string, env: Record<string, string> = {}, args: string[] = []) {
    this.child = spawn(process.execPath, [FIXTURE, ...args], {
      env: {
        PATH: process.env.PATH,
        FIXTURE: kind,
        DITS_KAFKA_BROKERS: '127.0.0.1:1',
        DITS_REGISTRY_URL: 'http://127.0.0.1:1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop()!;
      for (const part of parts) this.lines.push(part.startsWith('{') ? JSON.parse(part) : { msg: part });
      this.watchers.forEach((watch) => watch());
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = new Promise((resolve) => {
      this.child.on('close', (code) => {
        this.watchers.forEach((watch) => watch());
        resolve(code ?? -1);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The first line with this message, as soon as it is there. */
  line(msg: string): Promise<Line> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = this.lines.find((line) => line.msg === msg);
        if (!found && this.child.exitCode === null) return;
        this.watchers.delete(watch);
        if (found) resolve(found);
        else reject(new Error(`ended without "${msg}": ${JSON.stringify(this.lines)} ${this.stderr}`));
      };
      this.watchers.add(watch);
      watch();
    });
  }

  messages(): string[] {
    return this.lines.map(({ msg, what }) => (what === undefined ? msg : `${msg} ${what}`));
  }
}

let fixture: Fixture | undefined;
afterEach(async () => {
  fixture?.signal('SIGKILL');
  await fixture?.exit;
});

function start(...args: ConstructorParameters<typeof Fixture>): Fixture {
  fixture = new Fixture(...args);
  return fixture;
}

describe('an app', () => {
  it('says that it has started, where, and with which settings', async () => {
    const started = await start('ordinary').line('started');
    expect(started).toMatchObject({
      level: 'info',
      name: 'fixture',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      config: expect.objectContaining({ DITS_LOG_LEVEL: 'info' }),
    });
    const admin = String(started.admin);
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    expect((await fetch(`${admin}/livez`)).status).toBe(200);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops in order on %s and exits 0', async (signal) => {
    const app = start('ordinary', { DITS_LOG_LEVEL: 'debug' });
    await app.line('started');
    app.signal(signal);
    expect(await app.exit).toBe(0);
    const messages = app.messages();
    expect(messages.slice(messages.indexOf('stopping'))).toEqual([
      'stopping',
      'closed http server',
      'closing producer',
      'closed producer',
      'closing database',
      'closed database',
      'closed admin server',
      'stopped',
    ]);
  });

  it('shows more of its log on SIGUSR2, and no more on the next', async () => {
    const app = start('ordinary');
    await app.line('started');
    app.signal('SIGUSR2');
    expect(await app.line('log level changed')).toMatchObject({ level: 'warn', log_level: 'debug' });
    app.signal('SIGTERM');
    expect(await app.exit).toBe(0);
    expect(app.messages()).toContain('closed http server');
  });

  it('exits at once on a second signal', async () => {
    const app = start('hangs');
    await app.line('started');
    app.signal('SIGTERM');
    await app.line('stopping');
    const again = setInterval(() => app.signal('SIGTERM'), 100);
    expect(await app.exit).toBe(143);
    clearInterval(again);
  });

  it('lists every problem of its configuration, and exits 1', async () => {
    const app = start('ordinary', { DITS_KAFKA_BROKERS: '', DITS_PORT: 'x' });
    expect(await app.exit).toBe(1);
    expect(app.stderr).toContain('DITS_KAFKA_BROKERS: is required');
    expect(app.stderr).toContain('DITS_PORT: must be an integer from 0 to 65535 (it is "x")');
  });

  it('explains its settings and exits 0 on --help, whatever they are', async () => {
    const app = start('ordinary', { DITS_PORT: 'x' }, ['--help']);
    expect(await app.exit).toBe(0);
    expect(app.messages().join('\n')).toMatch(/^ {2}DITS_PORT {2}\(default 0\)$/m);
  });

  it('waits for what it needs, says so, and is not ready', async () => {
    const port = await freePort();
    const app = start('waits', { DITS_ADMIN_PORT: String(port) });
    expect(await app.line('waiting')).toMatchObject({
      level: 'warn',
      waiting_for: 'kafka at 127.0.0.1:1',
      reason: 'ECONNREFUSED',
    });
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      checks: { start: { ok: false }, 'start: kafka at 127.0.0.1:1': { ok: false, detail: 'waiting' } },
    });
    app.signal('SIGTERM');
    expect(await app.exit).toBe(0);
  });

  it('gives up waiting after the limit, closes what is open, and exits 1', async () => {
    const app = start('waits', { DITS_START_TIMEOUT_MS: '300' });
    expect(await app.exit).toBe(1);
    expect(app.messages()).toContain(
      'not started: kafka at 127.0.0.1:1 did not work within 300 ms: ECONNREFUSED',
    );
    expect(app.messages()).toContain('closing database');
  });

  it('says so when its port is taken, and exits 1', async () => {
    const { port, close } = await listening();
    try {
      const app = start('ordinary', { DITS_PORT: String(port) });
      expect(await app.exit).toBe(1);
      expect(app.messages()).toContain(
        `not started: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
      );
    } finally {
      await close();
    }
  });

  it.each(['rejects', 'throws'])('logs an error that nobody caught and exits 1: %s', async (kind) => {
    const app = start(kind);
    expect(await app.exit).toBe(1);
    expect(app.lines).toContainEqual(
      expect.objectContaining({
        level: 'fatal',
        err: expect.objectContaining({ message: 'nobody caught me' }),
      }),
    );
  });

  it('closes everything and exits 1 when a background task without which it is of no use fails', async () => {
    const app = start('fails');
    expect(await app.exit).toBe(1);
    expect(app.messages()).toEqual(
      expect.arrayContaining(['the outbox relay stopped', 'closing database', 'stopped']),
    );
  });
});

async function listening(): Promise<{ port: number; close: () => Promise<unknown> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, close: () => new Promise((resolve) => server.close(resolve)) };
}

async function freePort(): Promise<number> {
  const { port, close } = await listening();
  await close();
  return port;
}
