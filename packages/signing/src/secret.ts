import { randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
// 32 bytes: the output size of SHA-256, the most an HMAC key gains from; Standard Webhooks asks for 24 to 64.
const SECRET_BYTES = 32;
const BASE64 = /^(?=.)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Makes a new signing secret: `whsec_` and the base64 of 32 random bytes. */
export function generateSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** Key of `X-Hub-Signature-256`: the secret's UTF-8 bytes as they are, also for a `whsec_` secret. */
export function hubKey(secret: string): Buffer {
  return Buffer.from(secret, 'utf8');
}

/**
 * Key of the Standard Webhooks scheme: the base64-decoded part after `whsec_`; of any other secret its UTF-8 bytes.
 *
 * A secret that begins with `whsec_` and goes on with something else than base64 is such another secret.
 */
export function standardKey(secret: string): Buffer {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  return BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.from(secret, 'utf8');
}
