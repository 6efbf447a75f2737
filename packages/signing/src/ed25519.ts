import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';

// The prefixes of the Standard Webhooks specification, 1.0.
const PRIVATE_PREFIX = 'whsk_';
const PUBLIC_PREFIX = 'whpk_';
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
// What stands before the 32 bytes of a key in PKCS #8 and SPKI (RFC 8410), the forms that node:crypto reads.
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** An ed25519 key pair as text. */
export interface SigningKeyPair {
  /** `whsk_` and the base64 of the 32-byte seed. */
  privateKey: string;
  /** `whpk_` and the base64 of the 32 bytes. */
  publicKey: string;
}

/** An ed25519 public key as others publish it: RFC 8037. */
export interface PublicJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  /** Base64url of the 32 bytes. */
  x: string;
}

/** Makes a new key pair. */
export function generateSigningKey(): SigningKeyPair {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8.length);
  const text = PRIVATE_PREFIX + seed.toString('base64');
  return { privateKey: text, publicKey: publicKeyOf(text) };
}

/** The public key of a private one. Throws a `RangeError` that does not show it when it is none. */
export function publicKeyOf(privateKey: string): string {
  const spki = createPublicKey(readPrivateKey(privateKey)).export({ format: 'der', type: 'spki' });
  return PUBLIC_PREFIX + spki.subarray(SPKI.length).toString('base64');
}

/** A public key as a JWK. Throws a `RangeError` when it is none. */
export function publicJwk(publicKey: string): PublicJwk {
  return { kty: 'OKP', crv: 'Ed25519', x: bytesOf(publicKey, PUBLIC_PREFIX).toString('base64url') };
}

/** True for a text that says of itself that it is a private key: `whsk_…`. */
export const isPrivateKey = (key: string): boolean => key.startsWith(PRIVATE_PREFIX);

/** True for a text that says of itself that it is a public key: `whpk_…`. */
export const isPublicKey = (key: string): boolean => key.startsWith(PUBLIC_PREFIX);

/** Base64 signature of some bytes. Throws a `RangeError` when the key is none. */
export function ed25519Sign(bytes: Uint8Array, privateKey: string): string {
  return sign(null, bytes, readPrivateKey(privateKey)).toString('base64');
}

/** True when the base64 is the key's signature of the bytes. Throws a `RangeError` when the key is none. */
export function ed25519Verify(bytes: Uint8Array, signature: string, publicKey: string): boolean {
  const key = readPublicKey(publicKey);
  const given = Buffer.from(signature, 'base64');
  // Node's base64 passes over what is none: only the one way to write a signature is right.
  if (given.length !== SIGNATURE_BYTES || given.toString('base64') !== signature) return false;
  return verify(null, bytes, key, given);
}

function readPrivateKey(text: string): KeyObject {
  const seed = bytesOf(text, PRIVATE_PREFIX);
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

function readPublicKey(text: string): KeyObject {
  const bytes = bytesOf(text, PUBLIC_PREFIX);
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
}

function bytesOf(text: string, prefix: string): Buffer {
  const encoded = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== encoded) {
    throw new RangeError(`an ed25519 key must be ${prefix} and the base64 of ${KEY_BYTES} bytes`);
  }
  return bytes;
}
