import { createHash, createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'dits_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
// 40 characters of base62: 238 bits.
const RANDOM_CHARACTERS = 40;
// 6 characters of base62 hold 32 bits.
const CHECKSUM_CHARACTERS = 6;
const TOKEN = /^dits_([0-9A-Za-z]{40})([0-9A-Za-z]{6})$/;
const KEY_BYTES = 32;

/** Makes a new API token: `dits_`, 40 random base62 characters, and a checksum of 6, so that scanners know it from its look. */
export function generateToken(): string {
  let random = '';
  while (random.length < RANDOM_CHARACTERS) {
    for (const byte of randomBytes(RANDOM_CHARACTERS)) {
      // 248 = 4 * 62: bytes above would make the first letters likelier.
      if (byte < 248 && random.length < RANDOM_CHARACTERS) random += ALPHABET[byte % 62];
    }
  }
  return PREFIX + random + checksum(random);
}

/** True when a text has the form of a token and its checksum is right: a typo is refused without a look-up. */
export function isToken(text: string): boolean {
  const [, random, sum] = TOKEN.exec(text) ?? [];
  return random !== undefined && sum === checksum(random);
}

/** The hash that is stored in a token's place: hex HMAC-SHA256 under the installation's token key. */
export function hashToken(token: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(token, 'utf8').digest('hex');
}

/** Reads a token key: base64 of 32 bytes. Throws a `RangeError` that does not show it. */
export function parseTokenKey(text: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES || key.toString('base64') !== text) {
    throw new RangeError('must be the base64 of 32 bytes');
  }
  return key;
}

function checksum(random: string): string {
  let rest = createHash('sha256')
    .update(PREFIX + random)
    .digest()
    .readUInt32BE(0);
  let sum = '';
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++) {
    sum = ALPHABET[rest % 62] + sum;
    rest = Math.floor(rest / 62);
  }
  return sum;
}
