import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generateSecret } from './secret.js';
import { generateToken, hashToken, isToken, parseTokenKey } from './token.js';

describe('tokens', () => {
  it('makes tokens that differ, have the published form, and pass their own checksum', () => {
    const tokens = Array.from({ length: 200 }, () => generateToken());
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const token of tokens) {
      expect(token).toMatch(/^dits_[0-9A-Za-z]{46}$/);
      expect(isToken(token)).toBe(true);
    }
  });

  it('knows a typo from a token', () => {
    const token = generateToken();
    const typo = `dits_${token[5] === 'a' ? 'b' : 'a'}${token.slice(6)}`;
    expect(isToken(typo)).toBe(false);
    expect(isToken(token.slice(0, -1))).toBe(false);
    expect(isToken('')).toBe(false);
  });

  it('hashes a token the same under one key and differently under another', () => {
    const [key, another] = [randomBytes(32), randomBytes(32)];
    const token = generateToken();
    expect(hashToken(token, key)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashToken(token, key)).toBe(hashToken(token, key));
    expect(hashToken(token, key)).not.toBe(hashToken(token, another));
  });

  it('reads a key of 32 bytes and nothing else', () => {
    const key = randomBytes(32);
    expect(parseTokenKey(key.toString('base64'))).toEqual(key);
    for (const text of ['', 'short', randomBytes(31).toString('base64'), key.toString('hex')]) {
      expect(() => parseTokenKey(text)).toThrow(RangeError);
    }
  });
});

describe('secrets', () => {
  it('makes secrets that differ, each whsec_ and the base64 of 32 bytes', () => {
    const [one, two] = [generateSecret(), generateSecret()];
    expect(one).not.toBe(two);
    expect(Buffer.from(one.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  });
});
