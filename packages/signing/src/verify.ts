import { timingSafeEqual } from 'node:crypto';
import { ed25519Verify, isPrivateKey, isPublicKey, publicJwk } from './ed25519.js';
import { signBody, signedBytes, standardHmac } from './sign.js';

/** Why a request is not to be trusted. */
export type VerificationReason =
  /** A header that the scheme needs is not there. */
  | 'missing_header'
  /** A header is not what the scheme says it is. */
  | 'malformed_header'
  /** It was signed longer ago than is tolerated: sent again by somebody, or a clock is wrong. */
  | 'timestamp_too_old'
  /** It was signed further ahead than is tolerated: a clock is wrong. */
  | 'timestamp_too_new'
  /** It has no signature of a version that the keys at hand verify: `v1` by secrets, `v1a` by public keys. */
  | 'no_known_signature'
  /** No signature was made with these keys over these bytes. */
  | 'signature_mismatch';

/** Whether a request carries a right signature, and if not, why. */
export type Verification = { ok: true } | { ok: false; reason: VerificationReason };

// 5 minutes: what the Standard Webhooks libraries allow.
const DEFAULT_TOLERANCE_SECONDS = 300;
const HUB_SIGNATURE = /^sha256=[0-9a-f]{64}$/i;
const SECONDS = /^[0-9]{1,12}$/;

/**
 * Verifies `X-Hub-Signature-256` against the bytes of the body as they came, before any parsing.
 *
 * One right secret of several is enough. Compares in constant time. Says nothing about age: use {@link verifyStandard}
 * to refuse replayed requests. Throws a `RangeError` for no secret, an empty one, or a key that is no secret.
 */
export function verifyHubSignature(request: {
  /** The secret, or during a rotation the new and the old one. */
  secret: string | readonly string[];
  /** Raw bytes of the body. */
  body: Uint8Array;
  /** The header's value; undefined when it is missing. */
  signature: string | undefined;
}): Verification {
  const { body, signature } = request;
  const { secrets, publicKeys } = sorted(request.secret);
  if (publicKeys.length > 0) throw new RangeError('a public key does not verify X-Hub-Signature-256');
  if (!signature) return { ok: false, reason: 'missing_header' };
  if (!HUB_SIGNATURE.test(signature)) return { ok: false, reason: 'malformed_header' };
  return secrets.some((secret) => isSame(signature.toLowerCase(), signBody({ secret, body })))
    ? { ok: true }
    : { ok: false, reason: 'signature_mismatch' };
}

/**
 * Verifies the three headers of the Standard Webhooks scheme against the bytes of the body as they came.
 *
 * One right signature by one of the keys is enough, since two are sent while a rotated secret is still valid: `v1` is
 * verified with secrets, `v1a` with public keys, and signatures of other versions are passed over. Compares in constant
 * time. A timestamp further than `toleranceSeconds` (default 300) from `nowMs` is refused. Throws a `RangeError` for no
 * key, an empty one, a private one, or a `whpk_` text that is no key.
 */
export function verifyStandard(request: {
  /** The secret or public key (`whpk_…`), or during a rotation the new and the old one. */
  secret: string | readonly string[];
  /** Raw bytes of the body. */
  body: Uint8Array;
  /** `webhook-id`, `webhook-timestamp` and `webhook-signature`; undefined when missing. */
  headers: { id: string | undefined; timestamp: string | undefined; signature: string | undefined };
  toleranceSeconds?: number | undefined;
  /** The clock: `Date.now()`. */
  nowMs: number;
}): Verification {
  const { body, headers, toleranceSeconds = DEFAULT_TOLERANCE_SECONDS, nowMs } = request;
  const { secrets, publicKeys } = sorted(request.secret);
  const { id, timestamp, signature } = headers;
  if (!id || !timestamp || !signature) return { ok: false, reason: 'missing_header' };
  if (!SECONDS.test(timestamp)) return { ok: false, reason: 'malformed_header' };

  const ageSeconds = nowMs / 1000 - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return { ok: false, reason: 'timestamp_too_old' };
  if (ageSeconds < -toleranceSeconds) return { ok: false, reason: 'timestamp_too_new' };

  const given = signature.split(' ');
  const hmacs = secrets.length > 0 ? ofVersion('v1', given) : [];
  const ed25519s = publicKeys.length > 0 ? ofVersion('v1a', given) : [];
  if (hmacs.length + ed25519s.length === 0) return { ok: false, reason: 'no_known_signature' };

  const signed = { id, timestamp, body };
  const isRight =
    secrets.some((secret) => {
      const expected = standardHmac({ secret, ...signed });
      return hmacs.some((one) => isSame(one, expected));
    }) || publicKeys.some((key) => ed25519s.some((one) => ed25519Verify(signedBytes(signed), one, key)));
  return isRight ? { ok: true } : { ok: false, reason: 'signature_mismatch' };
}

/** The signatures of one version, without it. */
function ofVersion(version: string, given: string[]): string[] {
  return given.filter((one) => one.startsWith(`${version},`)).map((one) => one.slice(version.length + 1));
}

/** Which keys verify HMACs and which ed25519 signatures. A public key, which anybody has, must never key an HMAC. */
function sorted(key: string | readonly string[]): { secrets: string[]; publicKeys: string[] } {
  const keys = typeof key === 'string' ? [key] : [...(key ?? [])];
  // With an empty key anybody could sign.
  if (keys.length === 0 || keys.some((one) => typeof one !== 'string' || one === '')) {
    throw new RangeError('a secret or public key is needed, and none may be empty');
  }
  if (keys.some(isPrivateKey)) {
    throw new RangeError('a private key (whsk_) signs; verify with its public key (whpk_)');
  }
  const publicKeys = keys.filter(isPublicKey);
  // Throws for a text that is no key, whatever the request has.
  for (const one of publicKeys) publicJwk(one);
  return { secrets: keys.filter((one) => !isPublicKey(one)), publicKeys };
}

function isSame(given: string, expected: string): boolean {
  const givenBytes = Buffer.from(given, 'utf8');
  const expectedBytes = Buffer.from(expected, 'utf8');
  return givenBytes.length === expectedBytes.length && timingSafeEqual(givenBytes, expectedBytes);
}
