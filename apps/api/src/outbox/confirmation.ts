import { setTimeout as sleep } from 'node:timers/promises';

/** A clock that is never set back, ms. */
export interface ConfirmationClock {
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

const MONOTONIC: ConfirmationClock = { now: () => performance.now(), sleep };

/**
 * When a change may be confirmed: `afterMs` after it is on its topic, when whoever follows the topic has asked how far it goes.
 * Resolves to false, at once, when `flushed` does.
 */
export async function confirmed(
  flushed: () => Promise<boolean>,
  afterMs: number,
  clock: ConfirmationClock = MONOTONIC,
): Promise<boolean> {
  if (!(await flushed())) return false;
  const fromMs = clock.now();
  // A timer counts from when its turn of the event loop began, so a long turn makes it early.
  for (let restMs = afterMs; restMs > 0; restMs = fromMs + afterMs - clock.now()) await clock.sleep(restMs);
  return true;
}
