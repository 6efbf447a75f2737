import type { DynamicModule, ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { counter } from '../../metrics.js';
import { tokenOf, type VerifiedToken } from '../bearer-guard.js';
import { ProblemException } from '../problem.js';
import type { BucketLevel, Rate, RateBuckets } from './rate-buckets.js';
import { ThrottlerModule } from './throttler.js';

/** How much each token may use. */
export interface RatePolicy {
  /** As the headers call it: `api`. */
  name: string;
  /** What is counted, when it is not requests: `events`. */
  unit?: string;
  /** Rate of a token a second; 0: no limit. */
  perSecond: (token: VerifiedToken) => number;
}

/** Nest token of the app's {@link RatePolicy}. */
export const RATE_POLICY = Symbol('RATE_POLICY');

// A client that works in bursts may use ten seconds' worth at once.
const WINDOW_S = 10;

const limited = counter({
  name: 'dits_rate_limited_total',
  help: 'Requests answered with 429, by the limit that they met.',
  labelNames: ['limit'],
  zeros: [{ limit: 'api' }, { limit: 'ingest' }, { limit: 'authentication' }],
});

/** The rate of a request's token under a policy; null: no limit. */
export function rateOf(policy: RatePolicy, request: FastifyRequest): (Rate & { key: string }) | null {
  const token = tokenOf(request);
  const perSecond = token ? policy.perSecond(token) : 0;
  return token && perSecond > 0 ? { key: token.tokenId, perSecond, burst: perSecond * WINDOW_S } : null;
}

/** What `RateLimitGuard` needs, as a module to import. */
export function rateLimitModule(policy: RatePolicy, buckets: RateBuckets): DynamicModule {
  const rateIn = (context: ExecutionContext) => rateOf(policy, context.switchToHttp().getRequest());
  return ThrottlerModule.forRoot({
    storage: buckets,
    throttlers: [
      {
        name: policy.name,
        ttl: WINDOW_S * 1_000,
        limit: (context) => rateIn(context)!.burst,
        skipIf: (context) => rateIn(context) === null,
        getTracker: (request) => tokenOf(request as FastifyRequest)!.tokenId,
        // One bucket for all routes.
        generateKey: (_context, tokenId) => tokenId,
      },
    ],
  });
}

/** Writes `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-10 has them. */
export function writeRateLimit(
  reply: FastifyReply,
  { name, unit }: Pick<RatePolicy, 'name' | 'unit'>,
  level: Pick<BucketLevel, 'remaining' | 'fullAfterS'> & { burst: number },
): void {
  const quotaUnit = unit === undefined ? '' : `;qu="${unit}"`;
  void reply.header('ratelimit-policy', `"${name}";q=${level.burst};w=${WINDOW_S}${quotaUnit}`);
  void reply.header('ratelimit', `"${name}";r=${level.remaining};t=${level.fullAfterS}`);
}

/** The 429 of a limit, counted. */
export function rateLimited(o: { limit: string; detail: string; retryAfterS: number }): ProblemException {
  limited.inc({ limit: o.limit });
  return new ProblemException(429, {
    detail: o.detail,
    code: 'rate_limited',
    headers: { 'retry-after': String(Math.max(1, o.retryAfterS)) },
  });
}
