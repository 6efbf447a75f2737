import { createHmac } from 'node:crypto';
import { hubKey, standardKey } from './secret.js';

/**
 * Value of `X-Hub-Signature-256`: `sha256=` and the hex HMAC-SHA256 of the body's bytes, keyed with the secret's
 * UTF-8 bytes (also for a `whsec_` secret: receivers use the text they were given).
 */
export function signBody({ secret, body }: { secret: string; body: Uint8Array }): string {
  return `sha256=${createHmac('sha256', hubKey(secret)).update(body).digest('hex')}`;
}

/**
 * Value of `webhook-signature` of the Standard Webhooks scheme: for each secret, in order, `v1,` and the base64
 * HMAC-SHA256 of `id.timestamp.body`, parted by spaces.
 *
 * Throws a `RangeError` when there is no secret, or the id holds a dot, which would make the signed text ambiguous.
 */
export function signStandard(message: {
  secrets: readonly string[];
  id: string;
  timestampSeconds: number;
  body: Uint8Array;
}): string {
  const { secrets, id, timestampSeconds, body } = message;
  if (secrets.length === 0) throw new RangeError('signStandard needs at least one secret');
  if (id.includes('.')) throw new RangeError('a message id must not hold a dot');
  return secrets
    .map((secret) => `v1,${standardHmac({ secret, id, timestamp: String(timestampSeconds), body })}`)
    .join(' ');
}

/** Base64 HMAC of `id.timestamp.body` under the Standard Webhooks key of a secret. */
export function standardHmac(message: {
  secret: string;
  id: string;
  timestamp: string;
  body: Uint8Array;
}): string {
  const { secret, id, timestamp, body } = message;
  return createHmac('sha256', standardKey(secret))
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest('base64');
}
