import { spawn } from 'node:child_process';
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { logEnd } from './log-end.ts';
import { isRunning, startOf, type RecordedProcess } from './process-identity.ts';

export interface ProcessSpec {
  /** How it is called in messages, e.g. `kafka`. */
  name: string;
  command: string;
  args: string[];
  /** The whole environment; nothing is inherited. */
  env: NodeJS.ProcessEnv;
  cwd?: string;
  /** Appended to. */
  logFile: string;
  uid?: number;
  gid?: number;
}

export interface StartedProcess extends RecordedProcess {
  name: string;
  logFile: string;
  /** Size of the log when it was started: what comes after is this run's. */
  logFromByte: number;
}

/** A process ended that should have gone on; the message holds the end of its log. */
export class ProcessDied extends Error {
  override name = 'ProcessDied';
  readonly process: string;

  constructor(died: Omit<StartedProcess, keyof RecordedProcess>, how: string) {
    super(`${died.name} ${how}. The end of ${died.logFile}:\n${logEnd(died.logFile, 25, died.logFromByte)}`);
    this.process = died.name;
  }
}

/** Starts a process in a session of its own, so that a Ctrl-C at the terminal does not reach it and it may outlive us. */
export async function startProcess(spec: ProcessSpec): Promise<StartedProcess> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a');
  try {
    chmodSync(spec.logFile, 0o600);
    const logFromByte = fstatSync(log).size;
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      uid: spec.uid,
      gid: spec.gid,
      detached: true,
      stdio: ['ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => {
        reject(new Error(`${spec.name} cannot be started: ${cause.message}`, { cause }));
      });
    });
    child.unref();
    const started = { name: spec.name, logFile: spec.logFile, logFromByte };
    const startedAt = startOf(child.pid!);
    if (startedAt === null) throw new ProcessDied(started, 'ended at once');
    return { ...started, pid: child.pid!, startedAt };
  } finally {
    closeSync(log);
  }
}

export interface ReadyWait {
  /** True when it can be used; a rejection counts as "not yet". */
  isReady: () => Promise<boolean>;
  timeoutMs: number;
  pollMs?: number;
  /** Called every few seconds with how long it has been. */
  onWaiting?: (seconds: number) => void;
  signal?: AbortSignal;
}

/** Resolves when the process is ready. Throws {@link ProcessDied} as soon as it has ended, an Error after the time-out. */
export async function waitUntilReady(started: StartedProcess, wait: ReadyWait): Promise<void> {
  const { pollMs = 100, signal } = wait;
  const from = Date.now();
  let nextWordMs = 5_000;
  for (;;) {
    signal?.throwIfAborted();
    if (!isRunning(started)) throw new ProcessDied(started, 'ended while it was starting');
    if (await wait.isReady().catch(() => false)) return;
    const waitedMs = Date.now() - from;
    if (waitedMs > wait.timeoutMs) {
      throw new ProcessDied(started, `was not ready within ${wait.timeoutMs / 1000} s`);
    }
    if (waitedMs > nextWordMs) {
      wait.onWaiting?.(Math.round(waitedMs / 1000));
      nextWordMs += 5_000;
    }
    await delay(pollMs);
  }
}

/** Calls `onDeath` once, at most a quarter of a second after the process has ended. The answer stops the watch. */
export function watchProcess(started: StartedProcess, onDeath: (died: ProcessDied) => void): () => void {
  const timer = setInterval(() => {
    if (isRunning(started)) return;
    clearInterval(timer);
    onDeath(new ProcessDied(started, 'ended unexpectedly'));
  }, 250);
  return () => clearInterval(timer);
}

/**
 * Sends the signal and waits for the end; kills what has not ended in time. Does nothing to a process that is not ours
 * any more. The answer says whether it came to its own end after the signal.
 */
export async function stopProcess(
  recorded: RecordedProcess,
  options: { signal?: NodeJS.Signals; timeoutMs: number },
): Promise<'was gone' | 'ended' | 'killed'> {
  if (!send(recorded, options.signal ?? 'SIGTERM')) return 'was gone';
  if (await endsWithin(recorded, options.timeoutMs)) return 'ended';
  send(recorded, 'SIGKILL');
  await endsWithin(recorded, 5_000);
  return 'killed';
}

function send(recorded: RecordedProcess, signal: NodeJS.Signals): boolean {
  if (!isRunning(recorded)) return false;
  try {
    process.kill(recorded.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

async function endsWithin(recorded: RecordedProcess, timeoutMs: number): Promise<boolean> {
  for (const until = Date.now() + timeoutMs; Date.now() < until; await delay(50)) {
    if (!isRunning(recorded)) return true;
  }
  return !isRunning(recorded);
}
