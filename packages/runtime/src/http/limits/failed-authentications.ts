import { RateBuckets, type Rate } from './rate-buckets.js';
import { rateLimited } from './rate-limit.js';
import { normalizeIp } from './throttler.js';

/**
 * Slows down whoever tries tokens: after so many bad ones from one address (of IPv6: from one /64) further ones get 429
 * without being looked at.
 */
export class FailedAuthentications {
  private readonly buckets: RateBuckets;
  private readonly rate: Rate | null;

  /** `perMinute` 0: no limit. */
  constructor(o: { perMinute: number; now: () => number }) {
    this.buckets = new RateBuckets(o);
    this.rate = o.perMinute === 0 ? null : { perSecond: o.perMinute / 60, burst: o.perMinute };
  }

  /** Throws a 429 for an address that has tried too many. */
  check(address: string): void {
    if (!this.rate) return;
    const { isAllowed, retryAfterS } = this.buckets.look(normalizeIp(address), this.rate);
    if (isAllowed) return;
    throw rateLimited({
      limit: 'authentication',
      detail: 'Too many requests with a bad token came from this address.',
      retryAfterS,
    });
  }

  /** Counts a bad token. */
  count(address: string): void {
    if (this.rate) this.buckets.take(normalizeIp(address), this.rate);
  }
}
