import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';

/** How fast something may go on, and how far at once. */
export interface Rate {
  perSecond: number;
  /** Most at once after a pause. At least 1. */
  burst: number;
}

/** What a bucket holds after a request. */
export interface BucketLevel {
  isAllowed: boolean;
  /** Whole ones left. */
  remaining: number;
  /** Seconds until the next one is allowed; 0 when it is. */
  retryAfterS: number;
  /** Seconds until nothing is used. */
  fullAfterS: number;
}

interface Bucket {
  /** Below 0: used ahead of time, when the cost was known only afterwards. */
  level: number;
  atMs: number;
}

// Some 2 MB. Whoever comes from more addresses than that is not stopped by addresses.
const MAX_KEYS = 10_000;

/**
 * A token bucket for each key, in this process's memory: each process counts for itself. The least recently used bucket goes when
 * there are too many; it starts full if its key comes back.
 */
export class RateBuckets implements ThrottlerStorage {
  private readonly buckets: LRUCache<string, Bucket>;

  constructor(private readonly o: { now: () => number; maxKeys?: number }) {
    this.buckets = new LRUCache({ max: o.maxKeys ?? MAX_KEYS });
  }

  /** Takes one when there is one. */
  take(key: string, rate: Rate): BucketLevel {
    const bucket = this.refill(key, rate);
    const isAllowed = bucket.level >= 1;
    if (isAllowed) bucket.level -= 1;
    return levelOf(bucket, rate, isAllowed);
  }

  /** Takes `cost`, whatever there is: what was used ahead is paid back before the next one is allowed. */
  charge(key: string, rate: Rate, cost: number): BucketLevel {
    const bucket = this.refill(key, rate);
    bucket.level -= cost;
    return levelOf(bucket, rate, true);
  }

  /** What there is, without taking any. */
  look(key: string, rate: Rate): BucketLevel {
    const bucket = this.refill(key, rate);
    return levelOf(bucket, rate, bucket.level >= 1);
  }

  /** {@link take} as the throttler's guard asks for it: `limit` in `ttlMs`. */
  async increment(key: string, ttlMs: number, limit: number): ReturnType<ThrottlerStorage['increment']> {
    const level = this.take(key, { perSecond: (limit * 1_000) / ttlMs, burst: limit });
    return {
      totalHits: limit - level.remaining,
      timeToExpire: level.fullAfterS,
      isBlocked: !level.isAllowed,
      timeToBlockExpire: level.retryAfterS,
    };
  }

  private refill(key: string, { perSecond, burst }: Rate): Bucket {
    const nowMs = this.o.now();
    const bucket = this.buckets.get(key) ?? { level: burst, atMs: nowMs };
    // The clock may be set back.
    const passedS = Math.max(0, nowMs - bucket.atMs) / 1_000;
    bucket.level = Math.min(burst, bucket.level + passedS * perSecond);
    bucket.atMs = nowMs;
    this.buckets.set(key, bucket);
    return bucket;
  }
}

function levelOf({ level }: Bucket, { perSecond, burst }: Rate, isAllowed: boolean): BucketLevel {
  return {
    isAllowed,
    remaining: Math.max(0, Math.floor(level)),
    retryAfterS: level >= 1 ? 0 : Math.ceil((1 - level) / perSecond),
    fullAfterS: Math.ceil((burst - level) / perSecond),
  };
}
