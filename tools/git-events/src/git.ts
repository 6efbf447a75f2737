import { spawn } from 'node:child_process';

/** How `git` ended when it was not with success. */
export class GitError extends Error {
  constructor(
    readonly args: readonly string[],
    readonly exitCode: number | null,
    stderr: string,
  ) {
    super(`git ${args.join(' ')} ended with ${exitCode ?? 'a signal'}: ${stderr.trim()}`);
  }
}

// A hook's environment points git at the push (its quarantine, its index); our questions are about the repository.
const NOT_INHERITED =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|NAMESPACE|OBJECT_DIRECTORY|QUARANTINE_PATH|PUSH_OPTION_.*|ALTERNATE_OBJECT_DIRECTORIES)$/;

const MAX_STDERR = 2_000;

/** Runs git on one repository. Every process is ended when `signal` aborts. */
export class Git {
  constructor(
    readonly gitDir: string,
    private readonly signal?: AbortSignal,
  ) {}

  /** True when the caller gave up, so that a failure says nothing about the repository. */
  get aborted(): boolean {
    return this.signal?.aborted ?? false;
  }

  /** All of git's output. Throws {@link GitError} unless it exits with one of `okCodes`. */
  async run(
    args: string[],
    { input = '', okCodes = [0] }: { input?: string; okCodes?: number[] } = {},
  ): Promise<{ stdout: Buffer; exitCode: number }> {
    const chunks: Buffer[] = [];
    const exitCode = await this.stream(args, { input, okCodes }, (chunk) => {
      chunks.push(chunk);
      return true;
    });
    return { stdout: Buffer.concat(chunks), exitCode };
  }

  /** Output of git as text without the last newline. */
  async text(args: string[]): Promise<string> {
    return (await this.run(args)).stdout.toString('utf8').replace(/\n$/, '');
  }

  /**
   * Hands git's output to `onChunk` as it comes; when that says `false`, git is ended and the rest is not wanted.
   * Returns the exit code (0 when it was ended by us).
   */
  stream(
    args: string[],
    { input = '', okCodes = [0] }: { input?: string; okCodes?: number[] },
    onChunk: (chunk: Buffer) => boolean,
  ): Promise<number> {
    const stopped = () => new Error('stopped', { cause: this.signal?.reason });
    return new Promise((resolve, reject) => {
      if (this.signal?.aborted) return reject(stopped());
      const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C', GIT_NO_REPLACE_OBJECTS: '1' };
      for (const name of Object.keys(env)) if (NOT_INHERITED.test(name)) delete env[name];
      const child = spawn('git', [`--git-dir=${this.gitDir}`, ...args], {
        env,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      const onAbort = () => child.kill('SIGKILL');
      this.signal?.addEventListener('abort', onAbort, { once: true });

      let stderr = '';
      let enough = false;
      child.stdout.on('data', (chunk: Buffer) => {
        if (enough) return;
        try {
          enough = !onChunk(chunk);
        } catch (error) {
          enough = true;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (enough) child.kill('SIGKILL');
      });
      child.stderr.on('data', (chunk: Buffer) => {
        if (stderr.length < MAX_STDERR) stderr += chunk.toString('utf8');
      });
      // git may end before it has read everything; its exit code tells whether that was right.
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);

      child.on('error', reject);
      child.on('close', (code) => {
        this.signal?.removeEventListener('abort', onAbort);
        if (enough) resolve(0);
        else if (this.signal?.aborted) reject(stopped());
        else if (code !== null && okCodes.includes(code)) resolve(code);
        else reject(new GitError(args, code, stderr));
      });
    });
  }
}

/** Splits a stream at NUL bytes. Of a token longer than `maxTokenBytes` only the beginning is kept. */
export class NulSplitter {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(private readonly maxTokenBytes: number) {}

  /** Calls `onToken` for every token that ends in `chunk`, until it says `false`. */
  push(chunk: Buffer, onToken: (token: Buffer) => boolean): boolean {
    let from = 0;
    for (let at = chunk.indexOf(0, from); at !== -1; at = chunk.indexOf(0, from)) {
      this.keep(chunk.subarray(from, at));
      from = at + 1;
      if (!onToken(this.take())) return false;
    }
    this.keep(chunk.subarray(from));
    return true;
  }

  /** The token that no NUL byte ended. */
  take(): Buffer {
    const token = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    return token;
  }

  private keep(part: Buffer): void {
    const wanted = part.subarray(0, this.maxTokenBytes - this.bytes);
    if (wanted.length === 0) return;
    this.parts.push(wanted);
    this.bytes += wanted.length;
  }
}
