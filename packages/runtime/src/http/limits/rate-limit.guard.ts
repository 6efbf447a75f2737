import { Inject, Injectable } from '@nestjs/common';
import type { ThrottlerRequest } from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import { RATE_POLICY, rateLimited, writeRateLimit, type RatePolicy } from './rate-limit.js';
import { ThrottlerGuard } from './throttler.js';

/**
 * Keeps each token within its rate: what is beyond gets 429 with `Retry-After`; every answer says what is left. Needs
 * `rateLimitModule` and `RATE_POLICY`.
 *
 * The throttler finds the limit, the key and the storage; the headers and the problem are ours, since its own are `X-RateLimit-*`
 * and no problem+json.
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  @Inject(RATE_POLICY)
  private readonly policy: RatePolicy;

  protected override async handleRequest(r: ThrottlerRequest): Promise<boolean> {
    const { req, res } = this.getRequestResponse(r.context);
    const name = r.throttler.name!;
    const key = r.generateKey(r.context, await r.getTracker(req, r.context), name);
    const found = await this.storageService.increment(key, r.ttl, r.limit, r.blockDuration, name);
    writeRateLimit(res as FastifyReply, this.policy, {
      burst: r.limit,
      remaining: r.limit - found.totalHits,
      fullAfterS: found.timeToExpire,
    });
    if (!found.isBlocked) return true;
    throw rateLimited({
      limit: name,
      detail: `This token has used up its rate of ${(r.limit * 1_000) / r.ttl} ${this.policy.unit ?? 'requests'} a second.`,
      retryAfterS: found.timeToBlockExpire,
    });
  }
}
