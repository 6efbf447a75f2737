import { verifyStandard, type VerificationReason } from '../verify.js';

/** The headers of a request: those of Node, of a framework on it, or `Headers`. */
export type RequestHeaders =
  Readonly<Record<string, string | readonly string[] | undefined>> | { get(name: string): string | null };

/** A delivery whose signature is right. */
export interface VerifiedDelivery {
  /** `webhook-id`: the same on every attempt. What was done before under this id need not be done again. */
  id: string;
  /** When this attempt was signed, seconds since 1970. */
  timestampSeconds: number;
}

/** What came of verifying a request. */
export type RequestVerification =
  { ok: true; delivery: VerifiedDelivery } | { ok: false; reason: VerificationReason };

/** What the receiver knows. */
export interface VerifyOptions {
  /**
   * The webhook's secret, or its public key (`whpk_…`) where it signs with ed25519; several while one is replaced. One
   * right signature by one of them is enough.
   */
  keys: string | readonly string[];
  /** How far the timestamp may be from the clock, either way. Default 300. */
  toleranceSeconds?: number | undefined;
}

/**
 * Verifies a delivery by its `webhook-id`, `webhook-timestamp` and `webhook-signature` headers (Standard Webhooks).
 *
 * It never falls back on `X-Hub-Signature-256`: that one covers no time, so whoever has recorded a delivery could take
 * the other headers off and send it again years later. Throws a `RangeError` when `keys` holds no key, an empty one, or
 * one that is none: a mistake of the receiver's configuration, not of the request.
 */
export function verify(
  request: VerifyOptions & {
    /** The bytes of the body as they came, before any parsing. */
    body: Uint8Array;
    headers: RequestHeaders;
    /** The clock: `Date.now()`. */
    nowMs: number;
  },
): RequestVerification {
  const { keys, body, headers, toleranceSeconds, nowMs } = request;
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signature = headerOf(headers, 'webhook-signature');
  const verdict = verifyStandard({
    secret: keys,
    body,
    headers: { id, timestamp, signature },
    toleranceSeconds,
    nowMs,
  });
  return verdict.ok ? { ok: true, delivery: { id: id!, timestampSeconds: Number(timestamp) } } : verdict;
}

function headerOf(headers: RequestHeaders, name: string): string | undefined {
  if (isHeaders(headers)) return headers.get(name) ?? undefined;
  const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name) ?? [];
  return typeof value === 'string' ? value : value?.join(', ');
}

function isHeaders(headers: RequestHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function';
}
