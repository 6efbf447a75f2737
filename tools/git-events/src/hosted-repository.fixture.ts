import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundledSchemas, EventCatalogue, readEvent } from '@dits/contracts';
import type { GitEvent } from './events-of-push.js';

export const ZEROS = '0'.repeat(40);
const CLI = join(import.meta.dirname, '../dist/cli.js');

const catalogue = new EventCatalogue(bundledSchemas);

interface Answer {
  status: number;
  body?: unknown;
}

/** Stands for the gateway: checks every event as the real one does, and keeps what it accepted. */
export class FakeGateway {
  readonly requests: { events: GitEvent[]; authorization: string; bytes: number }[] = [];
  readonly accepted: GitEvent[] = [];
  /** Decides instead of the schema check; `undefined` leaves it to that, `'hang up'` closes the connection. */
  answer: (events: GitEvent[], authorization: string) => Answer | 'hang up' | 'say nothing' | undefined =
    () => undefined;
  private readonly server = createServer((request, response) => void this.handle(request, response));
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Accepted events as `event ref`. */
  get log(): string[] {
    return this.accepted.map(({ event, ref }) => `${event} ${ref}`);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const events = JSON.parse(body.toString('utf8')) as GitEvent[];
    const authorization = request.headers.authorization ?? '';
    this.requests.push({ events, authorization, bytes: body.length });
    const answer = this.answer(events, authorization) ?? check(events);
    if (answer === 'say nothing') return;
    if (answer === 'hang up') return void request.socket.destroy();
    if (answer.status === 202) this.accepted.push(...events);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body ?? {}));
  }
}

/** The answer of the real gateway to these events, as far as their schema goes. */
function check(events: GitEvent[]): Answer {
  const defaults = { eventId: () => 'not given', occurredAt: () => 'not given' };
  const errors = events.flatMap((event, i) => {
    if (Buffer.byteLength(JSON.stringify(event)) > 1_048_576) {
      return [{ path: `events[${i}]`, message: 'is larger than 1 MiB' }];
    }
    const result = readEvent(event, catalogue, defaults);
    return result.kind === 'event'
      ? []
      : result.problems.map((p) => ({ ...p, path: `events[${i}].${p.path}` }));
  });
  return errors.length > 0 ? { status: 422, body: { title: 'Not valid', errors } } : { status: 202 };
}

/** A bare repository with the hook installed, a clone to push from, and a gateway, in a folder of their own. */
export class HostedRepository {
  readonly bare: string;
  readonly clone: string;
  readonly tokenFile: string;

  private constructor(
    readonly dir: string,
    readonly gateway: FakeGateway,
  ) {
    this.bare = join(dir, 'my-project.git');
    this.clone = join(dir, 'clone');
    this.tokenFile = join(dir, 'token');
  }

  static async create(): Promise<HostedRepository> {
    const dir = await mkdtemp(join(tmpdir(), 'git-events-'));
    const hosted = new HostedRepository(dir, await new FakeGateway().start());
    await writeFile(hosted.tokenFile, 'dits_token\n', { mode: 0o600 });
    await hosted.run('git', ['init', '--quiet', '--bare', '--initial-branch=main', hosted.bare]);
    await hosted.run('git', ['init', '--quiet', '--initial-branch=main', hosted.clone]);
    await hosted.git('remote', 'add', 'origin', hosted.bare);
    await hosted.install();
    return hosted;
  }

  install(...more: string[]): Promise<Ended> {
    return this.cli(
      ...['install', '--repo', this.bare, '--repository-id', '123', '--full-name', 'user/my-project'],
      ...['--gateway', this.gateway.url, '--token-file', this.tokenFile],
      ...['--sender-login', 'octocat', '--sender-id', '456', ...more],
    );
  }

  /** Runs git in the clone; throws unless it ends well. */
  async git(...args: string[]): Promise<string> {
    const ended = await this.run('git', args, { cwd: this.clone });
    if (ended.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${ended.stderr}`);
    return ended.stdout.trim();
  }

  push(...refspecs: string[]): Promise<Ended> {
    return this.run('git', ['push', '--quiet', 'origin', ...refspecs], { cwd: this.clone });
  }

  cli(...args: string[]): Promise<Ended> {
    return this.run(process.execPath, [CLI, ...args]);
  }

  flush(...more: string[]): Promise<Ended> {
    return this.cli('flush', '--repo', this.bare, ...more);
  }

  /** Commits one file in the clone and returns the commit's id. */
  async commit(message: string, files: Record<string, string> = { [message]: message }): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(this.clone, path, '..'), { recursive: true });
      await writeFile(join(this.clone, path), text);
    }
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', '--allow-empty-message', '-m', message);
    return this.head();
  }

  head(): Promise<string> {
    return this.git('rev-parse', 'HEAD');
  }

  /** Names of what is kept: pushes, batches of events, refused events. */
  async kept(): Promise<string[]> {
    const names = await readdir(join(this.bare, 'dits-spool'), { recursive: true });
    return names.filter((name) => /\.(json|txt)$/.test(name)).sort();
  }

  async remove(): Promise<void> {
    await this.gateway.stop();
    // A background flush may still hold its lock for a moment.
    await rm(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  run(file: string, args: string[], { cwd = this.dir, input = '' } = {}): Promise<Ended> {
    const started = Date.now();
    return new Promise((resolve) => {
      const child = execFile(
        file,
        args,
        { cwd, env: this.env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const exitCode = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
          resolve({ exitCode, stdout, stderr, ms: Date.now() - started });
        },
      );
      // It may end without reading.
      child.stdin?.on('error', () => undefined).end(input);
    });
  }

  private get env(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: this.dir,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_AUTHOR_NAME: 'Octocat',
      GIT_AUTHOR_EMAIL: 'octocat@example.com',
      GIT_COMMITTER_NAME: 'Hubot',
      GIT_COMMITTER_EMAIL: 'hubot@example.com',
    };
  }
}

interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
  ms: number;
}

/** Waits until `isTrue`; fails after `withinMs`. */
export async function eventually(isTrue: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${isTrue.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
