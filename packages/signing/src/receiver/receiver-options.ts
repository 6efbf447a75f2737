import type { VerificationReason } from '../verify.js';
import { verify, type RequestHeaders, type VerifiedDelivery, type VerifyOptions } from './verify-request.js';

/** Options of the middleware. */
export interface ReceiverOptions extends VerifyOptions {
  /** The clock, ms since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** Told of each request that was refused: for a log or a counter. */
  onRefused?: ((reason: VerificationReason) => void) | undefined;
}

/** What a refused request is answered with, as 401. */
export interface Refusal {
  error: 'invalid_signature';
  reason: VerificationReason;
}

/** How a request is judged. */
export type Judge = (request: {
  body: Uint8Array;
  headers: RequestHeaders;
}) => { ok: true; delivery: VerifiedDelivery; json: unknown } | { ok: false; refusal: Refusal };

/** Makes the judge of a middleware; fails here, at the start, when the keys are of no use. */
export function judgeWith(options: ReceiverOptions): Judge {
  const { keys, toleranceSeconds, now = Date.now, onRefused } = options;
  verify({ keys, body: Buffer.alloc(0), headers: {}, nowMs: 0 });
  return ({ body, headers }) => {
    const verdict = verify({ keys, body, headers, toleranceSeconds, nowMs: now() });
    if (verdict.ok) {
      const { delivery } = verdict;
      return { ok: true, delivery, json: JSON.parse(Buffer.from(body).toString('utf8')) as unknown };
    }
    onRefused?.(verdict.reason);
    return { ok: false, refusal: { error: 'invalid_signature', reason: verdict.reason } };
  };
}
