import { join } from 'node:path';
import { eventsOfPush, type GitEvent } from './events-of-push.js';
import { Git } from './git.js';
import { takeLock } from './lock.js';
import { send } from './send.js';
import { readSettings, type Settings } from './settings.js';
import type { Spool } from './spool.js';

/** How a flush ended. */
export type FlushResult =
  /** Nothing is left. */
  | { kind: 'empty' }
  /** Something is left, for this reason. */
  | { kind: 'left'; reason: string };

/** What {@link flush} needs. */
export interface FlushOptions {
  gitDir: string;
  spool: Spool;
  /** Ends the flush wherever it is; what is not sent stays. */
  signal: AbortSignal;
  /** How long one request may take. */
  requestTimeoutMs: number;
  /** Told what a person should know: refused events, commits that can't be read. */
  tell: (message: string) => void;
}

/**
 * Makes the events of all kept pushes and sends them, older ones first. Only one process at a time does so for a
 * repository; another one's push that comes while this one works is taken along.
 */
export async function flush(options: FlushOptions): Promise<FlushResult> {
  const { spool, signal } = options;
  const outOfTime = { kind: 'left', reason: 'there was no time to send them' } as const;
  while (!(await spool.isEmpty())) {
    const lock = await takeLock(join(spool.dir, 'flush.lock'), signal);
    if (!lock) return outOfTime;
    try {
      await spool.adoptReceived();
      const settings = await readSettings(new Git(options.gitDir, signal));
      await makeEvents(options, settings);
      const unsent = await sendEvents(options, settings);
      if (unsent) return { kind: 'left', reason: unsent };
    } catch (error) {
      if (signal.aborted) return outOfTime;
      return { kind: 'left', reason: (error as Error).message };
    } finally {
      await lock.release();
    }
    // Once more after giving the lock back: who came between did not get it, and relies on us.
  }
  return { kind: 'empty' };
}

async function makeEvents({ gitDir, spool, signal, tell }: FlushOptions, settings: Settings): Promise<void> {
  const git = new Git(gitDir, signal);
  const names = (await spool.list()).filter((name) => name.endsWith('.push.json'));
  const pushes = await Promise.all(names.map((name) => spool.readPush(name)));
  for (const [i, name] of names.entries()) {
    const events = eventsOfPush(pushes[i]!, { git, settings, later: pushes.slice(i + 1), onProblem: tell });
    await spool.replacePush(name, events);
  }
}

/** Returns why something is left, undefined when nothing is. */
async function sendEvents(options: FlushOptions, settings: Settings): Promise<string | undefined> {
  const { spool } = options;
  for (const name of await spool.list()) {
    if (!name.endsWith('.events.json')) break; // A push that came just now: its events are made first.
    const unsent = await sendBatch(options, settings, await spool.readBody(name));
    if (unsent) return unsent;
    await spool.remove(name);
  }
  return undefined;
}

/** Sends one batch. The gateway takes all of a batch or nothing, so a refused one is halved to find the culprit. */
async function sendBatch(
  options: FlushOptions,
  settings: Settings,
  body: Buffer,
): Promise<string | undefined> {
  const { spool, signal, requestTimeoutMs, tell } = options;
  const result = await send(settings, body, AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]));
  if (result.kind === 'accepted') return undefined;
  if (result.kind === 'unsent') return result.reason;

  const events = JSON.parse(body.toString('utf8')) as GitEvent[];
  if (events.length > 1) {
    const middle = Math.ceil(events.length / 2);
    for (const half of [events.slice(0, middle), events.slice(middle)]) {
      const unsent = await sendBatch(options, settings, Buffer.from(JSON.stringify(half)));
      // What was accepted goes again with the rest of its batch, under the same ids.
      if (unsent) return unsent;
    }
    return undefined;
  }
  const { status, answer } = result;
  const [event] = events;
  if (!event) return undefined;
  const path = await spool.refuse({ refused_at: new Date().toISOString(), status, answer, event });
  tell(
    `the gateway refused the ${event.event} of ${event.ref} (${status} ${firstProblem(answer)}); see ${path}`,
  );
  return undefined;
}

/** The first thing a problem+json answer complains about. */
function firstProblem(answer: string): string {
  try {
    const { errors, detail, title } = JSON.parse(answer) as {
      errors?: { path?: string; message?: string }[];
      detail?: string;
      title?: string;
    };
    const first = errors?.[0];
    return first ? `${first.path}: ${first.message}` : (detail ?? title ?? '');
  } catch {
    return answer.slice(0, 200).replace(/\s+/g, ' ');
  }
}
