import {
  ProblemException,
  RATE_POLICY,
  RateBuckets,
  rateOf,
  writeRateLimit,
  type RatePolicy,
} from '@dits/runtime';
import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tap, type Observable } from 'rxjs';
import type { AcceptedBody } from './events.controller.js';

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
export class CountEventsInterceptor implements NestInterceptor {
  constructor(
    @Inject(RATE_POLICY) private readonly policy: RatePolicy,
    @Inject(RateBuckets) private readonly buckets: RateBuckets,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<AcceptedBody>): Observable<AcceptedBody> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const rate = rateOf(this.policy, request);
    if (!rate) return next.handle();
    const charge = (events: number): void => {
      if (events <= 1) return;
      const level = this.buckets.charge(rate.key, rate, events - 1);
      writeRateLimit(http.getResponse<FastifyReply>(), this.policy, { ...level, burst: rate.burst });
    };
    return next.handle().pipe(
      tap({
        next: ({ accepted }) => charge(accepted),
        error: (error: unknown) => {
          if (!(error instanceof ProblemException)) return;
          charge(Math.ceil(((request.body as Buffer | undefined)?.length ?? 0) / REFUSED_BYTES_PER_EVENT));
        },
      }),
    );
  }
}
