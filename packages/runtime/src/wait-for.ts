import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './logger.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Options of {@link waitFor}. */
export interface WaitForOptions<T> {
  /** What is waited for, as a person reads it: `kafka at 127.0.0.1:9092`. */
  what: string;
  attempt: () => Promise<T>;
  /** Time from the first attempt after which no other is made. */
  limitMs: number;
  log: Logger;
  signal: AbortSignal;
  now: () => number;
}

/**
 * Tries until it works, with pauses of 100 ms doubling to 2 s, a warn line for each failure.
 *
 * Rejects when the limit is over, with what was waited for and the last error as its cause, and with an `AbortError`
 * when the signal aborts.
 */
export async function waitFor<T>(o: WaitForOptions<T>): Promise<T> {
  const startedAtMs = o.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    o.signal.throwIfAborted();
    try {
      return await o.attempt();
    } catch (cause) {
      o.signal.throwIfAborted();
      const waitedMs = o.now() - startedAtMs;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (waitedMs + pauseMs > o.limitMs) {
        throw new Error(`${o.what} did not work within ${o.limitMs} ms: ${reason}`, { cause });
      }
      o.log.warn({ waiting_for: o.what, waited_ms: waitedMs, limit_ms: o.limitMs, reason }, 'waiting');
      await sleep(pauseMs, undefined, { signal: o.signal });
    }
  }
}
