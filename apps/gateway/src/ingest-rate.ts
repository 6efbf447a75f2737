import {
  ProblemException,
  RATE_POLICY,
  RateBuckets,
  rateOf,
  writeRateLimit,
  type RatePolicy,
} from '@dits/runtime';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** How many events each token may post; `defaultPerSecond` is for tokens without a rate of their own. */
export function ingestPolicy(defaultPerSecond: number): RatePolicy {
  return {
    name: 'ingest',
    unit: 'events',
    perSecond: ({ eventsPerSecond }) => eventsPerSecond ?? defaultPerSecond,
  };
}

// A refused body has cost us about what as many events of this size would: the largest body holds a thousand of them.
const REFUSED_BYTES_PER_EVENT = 16_384;

/**
 * Counts the events of a request once their number is known. The guard has let it pass for one; the rest is taken ahead, and
 * paid back before the token's next request is let pass.
 */
@Injectable()
export class EventCharge {
  constructor(
    @Inject(RATE_POLICY) private readonly policy: RatePolicy,
    @Inject(RateBuckets) private readonly buckets: RateBuckets,
  ) {}

  /** Does what the request asks for, and charges its token for the events that it turns out to have, or for a body that is refused. */
  async around<T extends { accepted: number }>(
    request: FastifyRequest,
    reply: FastifyReply,
    accept: () => Promise<T>,
  ): Promise<T> {
    const rate = rateOf(this.policy, request);
    if (!rate) return accept();
    const charge = (events: number): void => {
      if (events <= 1) return;
      const level = this.buckets.charge(rate.key, rate, events - 1);
      writeRateLimit(reply, this.policy, { ...level, burst: rate.burst });
    };
    try {
      const result = await accept();
      charge(result.accepted);
      return result;
    } catch (error) {
      if (error instanceof ProblemException)
        charge(Math.ceil(((request.body as Buffer | undefined)?.length ?? 0) / REFUSED_BYTES_PER_EVENT));
      throw error;
    }
  }
}
