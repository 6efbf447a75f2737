import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { flush, type FlushOptions } from './flush.js';
import { takeLock } from './lock.js';

// Doubling up to a minute: soon after a restart of the gateway, and no burden during a long outage.
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const WATCH_PAUSE_MS = 1_000;
/** How long after the newest push a background flush goes on; the next push, or a watcher, tries again. */
const BACKGROUND_MS = 10 * 60_000;

/** Flushes again and again, also what comes later, until `signal` aborts. */
export async function watch(options: FlushOptions): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!options.signal.aborted) {
    const result = await flush(options);
    if (result.kind === 'left') {
      if (!options.signal.aborted) options.tell(`events are kept: ${result.reason}`);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    } else pauseMs = WATCH_PAUSE_MS;
    await sleep(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/**
 * Flushes until nothing is left, or until the newest push is older than ten minutes. One process per repository is
 * enough: others end at once.
 */
export async function flushInTheBackground(options: FlushOptions): Promise<void> {
  const { spool, signal } = options;
  while ((await goesOn(options)) && !signal.aborted) {
    const atOnce = AbortSignal.any([signal, AbortSignal.timeout(200)]);
    const lock = await takeLock(join(spool.dir, 'background.lock'), atOnce);
    if (!lock) return;
    try {
      let pauseMs = FIRST_PAUSE_MS;
      while ((await flush(options)).kind === 'left' && (await goesOn(options)) && !signal.aborted) {
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    } finally {
      await lock.release();
    }
    // Once more after giving the lock back: a push that came between has started nobody.
  }
}

async function goesOn({ spool }: FlushOptions): Promise<boolean> {
  const newestMs = await spool.newestMs();
  return newestMs !== undefined && Date.now() - newestMs < BACKGROUND_MS;
}
