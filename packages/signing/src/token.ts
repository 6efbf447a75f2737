import { createHash, createHmac, createSecretKey, randomBytes } from 'node:crypto';

const PREFIX = 'dits_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
// 40 characters of base62: 238 bits.
const RANDOM_CHARACTERS = 40;
// 6 characters of base62 hold 32 bits.
const CHECKSUM_CHARACTERS = 6;
const TOKEN = /^dits_([0-9A-Za-z]{40})([0-9A-Za-z]{6})$/;
const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9._-]{1,32}$/;
const DEFAULT_KEY_ID = 'default';

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

/** True when a text has the form of a token and its checksum is right, which a secret scanner can tell offline. */
export function isToken(text: string): boolean {
  const [, random, sum] = TOKEN.exec(text) ?? [];
  return random !== undefined && sum === checksum(random);
}

/** True when a text looks like a token and its checksum is wrong: a typo, which no look-up needs to tell. */
export function isMistypedToken(text: string): boolean {
  return TOKEN.test(text) && !isToken(text);
}

/**
 * The hashes that may be stored in a token's place: HMAC-SHA256 under each of the installation's token keys, in their order. A new
 * token is stored under the first.
 */
export function hashToken(token: string, keys: readonly TokenKey[]): [TokenHash, ...TokenHash[]] {
  return keys.map(({ id, key }) => ({
    keyId: id,
    hash: createHmac('sha256', createSecretKey(key)).update(token, 'utf8').digest(),
  })) as [TokenHash, ...TokenHash[]];
}

/** A token's hash, and which key made it. */
export interface TokenHash {
  keyId: string;
  /** 32 bytes. */
  hash: Buffer;
}

/** One of the installation's token keys. */
export interface TokenKey {
  /** Stored beside a hash, to tell which key made it. */
  id: string;
  /** 32 bytes. */
  key: Buffer;
}

/**
 * Reads token keys: `<key id>:<base64 of 32 bytes>`, comma between. The first hashes; all are known by their hashes. A key without
 * an id has the id `default`. Throws a `RangeError` that does not show a key.
 */
export function parseTokenKeys(text: string): TokenKey[] {
  const keys = text.split(',').map((item) => parseTokenKey(item.trim()));
  const repeated = keys.find(({ id }, i) => keys.findIndex((other) => other.id === id) < i);
  if (repeated) throw new RangeError(`must not name the key id ${repeated.id} twice`);
  return keys;
}

function parseTokenKey(item: string): TokenKey {
  const colon = item.indexOf(':');
  const id = colon === -1 ? DEFAULT_KEY_ID : item.slice(0, colon);
  const encoded = item.slice(colon + 1);
  const key = Buffer.from(encoded, 'base64');
  if (!KEY_ID.test(id) || key.length !== KEY_BYTES || key.toString('base64') !== encoded) {
    throw new RangeError(
      'must be <key id>:<base64 of 32 bytes>, comma between (openssl rand -base64 32); key ids: 1 to 32 letters, digits and ._-',
    );
  }
  return { id, key };
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
