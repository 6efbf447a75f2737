import type { Deferral } from './endpoint-lane.js';
import { maxJitterMs, SCHEDULE_SPAN_MS, type Tier } from './schedule.js';

/** What a deferral rests on. */
export interface DeferralFacts extends Deferral {
  /** How often the delivery was put off before. */
  deferrals: number;
  /** When its schedule began: its first attempt, else when it was asked for again, else its event's acceptance; ms since 1970. */
  sinceMs: number;
  tiers: readonly Tier[];
}

export type DeferralStep =
  | { kind: 'put_off'; tier: Tier; notBeforeMs: number }
  /** It has been put off for as long as retries go on. */
  | { kind: 'failed'; reason: 'put_off_too_long' };

// Not longer, so that a receiver that is well again has its backlog soon.
const MAX_DELAY_MS = 15 * 60_000;

/**
 * Decides where a delivery waits that is put off without an attempt.
 *
 * At a rate limit: on the longest tier that is not longer than its expected wait. At an open circuit nobody knows, and it waits
 * longer from time to time: twice on each tier. At a busy webhook on the longer of the two: a large backlog that came back all
 * together would only be put off again, at everybody's expense. Never on one above 15 minutes, and never beyond 23 hours after its schedule
 * began: then it fails, since a delivery must end.
 *
 * @param nowMs ms since 1970.
 * @param random a number from 0 to 1, for the jitter: what is put off together should not come back together.
 */
export function deferralStep(facts: DeferralFacts, nowMs: number, random: () => number): DeferralStep {
  const { reason, expectedWaitMs, deferrals, sinceMs, tiers } = facts;
  const short = tiers.filter(({ delayMs }, i) => i === 0 || delayMs <= MAX_DELAY_MS);
  const byWait = Math.max(
    0,
    short.findLastIndex(({ delayMs }) => delayMs <= expectedWaitMs),
  );
  const byTurns = Math.min(Math.floor(deferrals / 2), short.length - 1);
  const tier = short[tierOf(reason, { byWait, byTurns })]!;
  const notBeforeMs = nowMs + Math.floor(tier.delayMs + random() * maxJitterMs(tier.delayMs));
  if (notBeforeMs > sinceMs + SCHEDULE_SPAN_MS) return { kind: 'failed', reason: 'put_off_too_long' };
  return { kind: 'put_off', tier, notBeforeMs };
}

function tierOf(reason: Deferral['reason'], o: { byWait: number; byTurns: number }): number {
  switch (reason) {
    case 'rate_limited':
      return o.byWait;
    case 'circuit_open':
      return o.byTurns;
    case 'busy':
      return Math.max(o.byWait, o.byTurns);
  }
}
