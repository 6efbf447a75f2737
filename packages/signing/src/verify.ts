import { timingSafeEqual } from 'node:crypto';
import { signBody, standardHmac } from './sign.js';

/** Why a request is not to be trusted. */
export type VerificationReason =
  'missing_header' | 'malformed_header' | 'timestamp_too_old' | 'timestamp_too_new' | 'signature_mismatch';

/** Whether a request carries a right signature, and if not, why. */
export type Verification = { ok: true } | { ok: false; reason: VerificationReason };

// 5 minutes: what the Standard Webhooks libraries allow.
const DEFAULT_TOLERANCE_SECONDS = 300;
const HUB_SIGNATURE = /^sha256=[0-9a-f]{64}$/i;
const SECONDS = /^[0-9]{1,12}$/;

/**
 * Verifies `X-Hub-Signature-256` against the bytes of the body as they came, before any parsing.
 *
 * Compares in constant time. Says nothing about age: use {@link verifyStandard} to refuse replayed requests.
 */
export function verifyHubSignature(request: {
  secret: string;
  /** Raw bytes of the body. */
  body: Uint8Array;
  /** The header's value; undefined when it is missing. */
  signature: string | undefined;
}): Verification {
  const { secret, body, signature } = request;
  if (!signature) return { ok: false, reason: 'missing_header' };
  if (!HUB_SIGNATURE.test(signature)) return { ok: false, reason: 'malformed_header' };
  return isSame(signature.toLowerCase(), signBody({ secret, body }))
    ? { ok: true }
    : { ok: false, reason: 'signature_mismatch' };
}

/**
 * Verifies the three headers of the Standard Webhooks scheme against the bytes of the body as they came.
 *
 * One right `v1` signature is enough, since two are sent while a rotated secret is still valid; signatures of other
 * versions are passed over. Compares in constant time. A timestamp further than `toleranceSeconds` (default 300) from
 * `nowMs` is refused.
 */
export function verifyStandard(request: {
  secret: string;
  /** Raw bytes of the body. */
  body: Uint8Array;
  /** `webhook-id`, `webhook-timestamp` and `webhook-signature`; undefined when missing. */
  headers: { id: string | undefined; timestamp: string | undefined; signature: string | undefined };
  toleranceSeconds?: number;
  /** The clock: `Date.now()`. */
  nowMs: number;
}): Verification {
  const { secret, body, headers, toleranceSeconds = DEFAULT_TOLERANCE_SECONDS, nowMs } = request;
  const { id, timestamp, signature } = headers;
  if (!id || !timestamp || !signature) return { ok: false, reason: 'missing_header' };
  if (!SECONDS.test(timestamp)) return { ok: false, reason: 'malformed_header' };

  const ageSeconds = nowMs / 1000 - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return { ok: false, reason: 'timestamp_too_old' };
  if (ageSeconds < -toleranceSeconds) return { ok: false, reason: 'timestamp_too_new' };

  const given = signature
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .map((one) => one.slice('v1,'.length));
  if (given.length === 0) return { ok: false, reason: 'malformed_header' };
  const expected = standardHmac({ secret, id, timestamp, body });
  return given.some((one) => isSame(one, expected))
    ? { ok: true }
    : { ok: false, reason: 'signature_mismatch' };
}

function isSame(given: string, expected: string): boolean {
  const givenBytes = Buffer.from(given, 'utf8');
  const expectedBytes = Buffer.from(expected, 'utf8');
  return givenBytes.length === expectedBytes.length && timingSafeEqual(givenBytes, expectedBytes);
}
