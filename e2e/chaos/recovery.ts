import { setTimeout as pause } from 'node:timers/promises';
import { countDelivered } from './history-check.ts';
import type { Ledger } from './ledger.ts';
import type { Rig } from './rig.ts';

// A delivery that fails at first needs about two seconds, and more on a busy machine.
export const OVERDUE_AFTER_MS = 5_000;
export const RECOVERED_WITHIN_MS = 180_000;
const LOOK_EVERY_MS = 250;

/**
 * Waits until all is well: events are accepted (while there is a load), none is overdue, the history has what receivers
 * have, every app says that it is ready. The answer is how long that took, ms; null when it was not so in time.
 */
export async function recovered(o: {
  rig: Rig;
  ledger: Ledger;
  /** False at the end: nothing comes any more, and nothing may be outstanding. */
  underLoad: boolean;
  signal: AbortSignal;
}): Promise<number | null> {
  const { rig, ledger, underLoad, signal } = o;
  const startedAtMs = Date.now();
  const delivered = (): boolean => {
    if (!underLoad) return ledger.outstanding.size === 0;
    return ledger.lastAcceptedAtMs > startedAtMs && ledger.overdue(OVERDUE_AFTER_MS) === 0;
  };
  let wanted: number | null = null;
  while (Date.now() - startedAtMs < RECOVERED_WITHIN_MS) {
    if (delivered()) {
      // The history follows: what was delivered at this moment must be in it a moment later.
      wanted ??= ledger.deliveredCount;
      const recorded = await countDelivered(rig).catch(() => -1);
      if (recorded >= wanted && (await allReady(rig))) return Date.now() - startedAtMs;
    }
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
  return null;
}

async function allReady(rig: Rig): Promise<boolean> {
  const answers = await Promise.all(
    Object.values(rig.apps).map(({ adminUrl }) =>
      fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.ok,
        () => false,
      ),
    ),
  );
  return answers.every(Boolean);
}
