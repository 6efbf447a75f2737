import type { Outcome } from '@dits/contracts';
import { parseRetryAfter } from './retry-after.js';
import { maxJitterMs, SCHEDULE_SPAN_MS, timeNeededMs, type Tier } from './schedule.js';
import type { SendResult } from './send-result.js';

/** What a decision about the next step rests on. */
export interface AttemptFacts {
  /** From {@link classify}. */
  outcome: Outcome;
  /** From {@link classify}. */
  reason: string;
  result: SendResult;
  /** Place of the attempt just made in its schedule (the delivery's `schedule_attempt`), from 1. */
  scheduleAttempt: number;
  /** When the first attempt of this schedule began, ms since 1970. */
  firstAttemptAtMs: number;
  tiers: readonly Tier[];
  /** True while the webhook's circuit is open: no immediate retry then. Default false. */
  circuitOpen?: boolean;
}

/** What follows from an attempt. `scheduleAttempt` is what the next delivery record carries as `schedule_attempt`. */
export type Step =
  | { kind: 'done' }
  | {
      kind: 'immediate_retry';
      scheduleAttempt: number;
      /** Not on a kept-alive one: that was the trouble. */
      onFreshConnection: boolean;
    }
  | {
      kind: 'retry';
      /** Whose topic the delivery waits on. */
      tier: Tier;
      /** ms since 1970. */
      notBeforeMs: number;
      scheduleAttempt: number;
    }
  | { kind: 'failed'; reason: string };

/**
 * Decides what follows from an attempt.
 *
 * The places of a schedule are 1: the first attempt; 2: the immediate retry, which only a 5xx answer to the first
 * attempt brings; then one place per tier. Whoever gets no immediate retry goes from 1 to 3, so the place alone tells
 * which tier is next. With seven tiers that is nine attempts at most; an attempt on a connection that turned out to be closed
 * is made again at once and takes no place, since nothing of it may have reached the receiver. The reason of a schedule that ended is
 * `schedule_ended`; that of a rejected attempt is the classification's.
 *
 * A step waits for its tier's delay plus jitter, never less. A longer `Retry-After` lengthens it up to the next tier's
 * delay, as far as all later tiers still fit into 23 hours. A lengthened delivery waits on the next tier's topic where
 * that fits, because on its own topic it would hold up everybody behind it.
 *
 * When we are so late (an outage of ours) that the tier ends after the 23 hours, the longest tier that does not takes
 * its place: our lateness should not cost the receiver an attempt.
 *
 * @param nowMs ms since 1970.
 * @param random a number from 0 to 1, for the jitter.
 */
export function nextStep(facts: AttemptFacts, nowMs: number, random: () => number): Step {
  switch (facts.outcome) {
    case 'delivered':
      return { kind: 'done' };
    case 'rejected':
      return { kind: 'failed', reason: facts.reason };
    case 'retryable':
      return retryStep(facts, nowMs, random);
  }
}

function retryStep(facts: AttemptFacts, nowMs: number, random: () => number): Step {
  const { result, scheduleAttempt, tiers, circuitOpen = false } = facts;
  if (result.staleConnection) return { kind: 'immediate_retry', scheduleAttempt, onFreshConnection: true };
  if (scheduleAttempt === 1 && result.kind === 'response' && result.status >= 500 && !circuitOpen) {
    return { kind: 'immediate_retry', scheduleAttempt: 2, onFreshConnection: false };
  }
  const index = Math.max(0, scheduleAttempt - 2);
  const roomMs = facts.firstAttemptAtMs + SCHEDULE_SPAN_MS - nowMs;
  const tier = tiers.slice(0, index + 1).findLast(({ delayMs }) => delayMs <= roomMs);
  if (index >= tiers.length || !tier) return { kind: 'failed', reason: 'schedule_ended' };

  const jitterMs = Math.min(random() * maxJitterMs(tier.delayMs), roomMs - tier.delayMs);
  const own = { tier, waitMs: tier.delayMs + jitterMs };
  const { tier: topicTier, waitMs } = lengthened(own, {
    askedMs: result.kind === 'response' ? parseRetryAfter(result.headers['retry-after'], nowMs) : null,
    next: tiers[index + 1],
    spareMs: roomMs - timeNeededMs(tiers.slice(index + 1)),
  });
  return {
    kind: 'retry',
    tier: topicTier,
    // Down, to stay within the 23 hours; the jitter keeps it above the tier's whole delay.
    notBeforeMs: nowMs + Math.floor(waitMs),
    scheduleAttempt: index + 3,
  };
}

function lengthened(
  own: { tier: Tier; waitMs: number },
  { askedMs, next, spareMs }: { askedMs: number | null; next: Tier | undefined; spareMs: number },
): { tier: Tier; waitMs: number } {
  if (askedMs === null || !next) return own;
  const waitMs = Math.min(askedMs, next.delayMs, spareMs);
  if (waitMs <= own.waitMs) return own;
  const nextFits = next.delayMs + maxJitterMs(next.delayMs) <= spareMs;
  return { tier: nextFits ? next : own.tier, waitMs };
}
