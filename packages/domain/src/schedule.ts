const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The retry delays of the design, as `DITS_RETRY_TIERS` has them. */
export const DEFAULT_RETRY_TIERS = '15s,1m,4m,15m,1h,4h,17h';

/** The last attempt of a schedule begins at most this long after its first: 23 hours, from the seed. */
export const SCHEDULE_SPAN_MS = 23 * 3_600_000;

const JITTER_SHARE = 0.1;
const JITTER_MAX_MS = 120_000;
// What a step may take beyond its delay: an attempt of 10 s, and the ways through Kafka and the webhook's queue.
const STEP_ALLOWANCE_MS = 60_000;

/** One retry delay, with its own topic. */
export interface Tier {
  /** As configured (`15s`); the end of the topic's name. */
  name: string;
  delayMs: number;
}

/**
 * Reads tiers such as `15s,1m,4m`: whole numbers with a unit of ms, s, m or h, each longer than the one before.
 *
 * Throws a `RangeError` that says what is wrong, also when a schedule over all tiers could not end within 23 hours.
 */
export function parseTiers(text: string): Tier[] {
  const tiers = text.split(',').map((part) => parseTier(part.trim()));
  for (const [i, tier] of tiers.entries()) {
    const before = tiers[i - 1];
    if (before && tier.delayMs <= before.delayMs) {
      throw new RangeError(`tier ${tier.name} must be longer than ${before.name}, the one before it`);
    }
  }
  if (timeNeededMs(tiers) > SCHEDULE_SPAN_MS) {
    throw new RangeError('all tiers together, with their jitter, must take less than 23 hours');
  }
  return tiers;
}

/** Most jitter that is added to a delay: 10 %, at most 2 minutes. */
export function maxJitterMs(delayMs: number): number {
  return Math.min(delayMs * JITTER_SHARE, JITTER_MAX_MS);
}

/** Time that a schedule needs for these tiers at worst, jitter and attempts included. */
export function timeNeededMs(tiers: readonly Tier[]): number {
  return tiers.reduce((sum, { delayMs }) => sum + delayMs + maxJitterMs(delayMs) + STEP_ALLOWANCE_MS, 0);
}

function parseTier(text: string): Tier {
  const [, digits, unit] = /^([1-9]\d*)(ms|s|m|h)$/.exec(text) ?? [];
  if (!digits || !unit) throw new RangeError(`tier "${text}" must be a number with a unit: ms, s, m or h`);
  return { name: text, delayMs: Number(digits) * UNIT_MS[unit]! };
}
