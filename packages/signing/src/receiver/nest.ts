import { judgeWith, type Judge, type ReceiverOptions } from './receiver-options.js';
import type { VerificationReason } from '../verify.js';
import type { RequestHeaders, VerifiedDelivery } from './verify-request.js';

export type { ReceiverOptions } from './receiver-options.js';
export type { VerifiedDelivery } from './verify-request.js';

/** A request of Nest, on Express or Fastify, as far as it matters here. */
export interface NestRequest {
  headers: RequestHeaders;
  /** The bytes, kept by `NestFactory.create(AppModule, { rawBody: true })`. */
  rawBody?: Uint8Array | undefined;
  /** Set once it is verified. */
  delivery?: VerifiedDelivery;
}

/** Nest's `ExecutionContext`, as far as it matters here. */
export interface HttpContext {
  switchToHttp(): { getRequest<T>(): T };
}

/** What Nest answers as 401. */
export class InvalidSignatureError extends Error {
  override readonly name = 'InvalidSignatureError';
  // As errors of npm "http-errors" look, which Nest's exception filter knows: its own class would be a dependency.
  readonly status = 401;
  readonly statusCode = 401;
  readonly expose = true;
  constructor(readonly reason: VerificationReason) {
    super(`invalid signature: ${reason}`);
  }
}

/**
 * Guard that lets only verified deliveries reach a Nest handler: `@UseGuards(new VerifiedDeliveryGuard({ keys }))`. The
 * app must be created with `rawBody: true`.
 *
 * What passes has its id in `request.delivery`; anything else ends in an {@link InvalidSignatureError}. Throws a
 * `RangeError` at once when the keys are of no use, and a `TypeError` at a request when `rawBody` is off.
 */
export class VerifiedDeliveryGuard {
  private readonly judge: Judge;

  constructor(options: ReceiverOptions) {
    this.judge = judgeWith(options);
  }

  canActivate(context: HttpContext): boolean {
    const request = context.switchToHttp().getRequest<NestRequest & { body?: unknown }>();
    if (!request.rawBody && request.body !== undefined) {
      throw new TypeError(
        'the bytes of the body are not kept: NestFactory.create(AppModule, { rawBody: true })',
      );
    }
    const verdict = this.judge({ body: request.rawBody ?? new Uint8Array(), headers: request.headers });
    if (!verdict.ok) throw new InvalidSignatureError(verdict.refusal.reason);
    request.delivery = verdict.delivery;
    return true;
  }
}
