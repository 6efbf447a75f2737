import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generateSecret } from './secret.js';
import { generateToken, hashToken, isMistypedToken, isToken, parseTokenKeys } from './token.js';

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

  it('hashes a token the same under one key and differently under another, in the order of the keys', () => {
    const [one, two] = [
      { id: 'k1', key: randomBytes(32) },
      { id: 'k2', key: randomBytes(32) },
    ];
    const token = generateToken();
    const [under1, under2] = hashToken(token, [one, two]);
    expect([under1.keyId, under2!.keyId]).toEqual(['k1', 'k2']);
    expect(under1.hash).toHaveLength(32);
    expect(under1.hash).not.toEqual(under2!.hash);
    expect(hashToken(token, [two, one])).toEqual([under2, under1]);
    expect(hashToken(generateToken(), [one])[0].hash).not.toEqual(under1.hash);
  });

  it('tells a typo from a token that somebody made otherwise', () => {
    const token = generateToken();
    const typo = `dits_${token[5] === 'a' ? 'b' : 'a'}${token.slice(6)}`;
    expect([token, typo, 'dits_admin_of_my_own_making', ''].map(isMistypedToken)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  it('reads keys with their ids, the first first, and one without an id', () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    expect(parseTokenKeys(`k2:${two.toString('base64')}, k1:${one.toString('base64')}`)).toEqual([
      { id: 'k2', key: two },
      { id: 'k1', key: one },
    ]);
    expect(parseTokenKeys(one.toString('base64'))).toEqual([{ id: 'default', key: one }]);
  });

  it('reads keys of 32 bytes and nothing else, and shows none in its error', () => {
    const good = randomBytes(32).toString('base64');
    for (const text of [
      '',
      'short',
      randomBytes(31).toString('base64'),
      Buffer.from(good, 'base64').toString('hex'),
      `k 1:${good}`,
      `:${good}`,
      `k1:${good},`,
      `k1:${good},k1:${good}`,
      `${good},${good}`,
    ]) {
      expect(() => parseTokenKeys(text)).toThrow(RangeError);
      try {
        parseTokenKeys(text);
      } catch (error) {
        expect(String(error)).not.toContain(good);
      }
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
