import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { ed25519Sign, ed25519Verify, generateSigningKey, publicJwk, publicKeyOf } from './ed25519.js';

describe('ed25519 keys', () => {
  // RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature.
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('sign as RFC 8032 says: %s', (seed, key, message, signature) => {
    const privateKey = `whsk_${Buffer.from(seed, 'hex').toString('base64')}`;
    const publicKey = `whpk_${Buffer.from(key, 'hex').toString('base64')}`;
    const bytes = Buffer.from(message, 'hex');
    expect(publicKeyOf(privateKey)).toBe(publicKey);
    expect(Buffer.from(ed25519Sign(bytes, privateKey), 'base64').toString('hex')).toBe(signature);
    expect(ed25519Verify(bytes, Buffer.from(signature, 'hex').toString('base64'), publicKey)).toBe(true);
  });

  it('are made anew each time, and the public one as a JWK verifies too', () => {
    const [one, two] = [generateSigningKey(), generateSigningKey()];
    expect(one.privateKey).toMatch(/^whsk_[A-Za-z0-9+/]{43}=$/);
    expect(one.publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
    expect(one.privateKey).not.toBe(two.privateKey);
    const bytes = Buffer.from('text');
    const signature = Buffer.from(ed25519Sign(bytes, one.privateKey), 'base64');
    const key = createPublicKey({ key: { ...publicJwk(one.publicKey) }, format: 'jwk' });
    expect(verify(null, bytes, key, signature)).toBe(true);
  });

  it('refuse another text, another key, and any other way to write a signature', () => {
    const [one, two] = [generateSigningKey(), generateSigningKey()];
    const bytes = Buffer.from('text');
    const signature = ed25519Sign(bytes, one.privateKey);
    expect(ed25519Verify(Buffer.from('Text'), signature, one.publicKey)).toBe(false);
    expect(ed25519Verify(bytes, signature, two.publicKey)).toBe(false);
    for (const other of ['', 'AAAA', `${signature} `, signature.replace(/==$/, ''), `${signature}AAAA`]) {
      expect([other, ed25519Verify(bytes, other, one.publicKey)]).toEqual([other, false]);
    }
  });

  it.each(['', 'whsk_', 'whsk_AAAA', `whsk_${'!'.repeat(44)}`, 'whsec_AAAA', generateSigningKey().publicKey])(
    'do not take %j for a private key',
    (text) => {
      expect(() => publicKeyOf(text)).toThrow('whsk_ and the base64 of 32 bytes');
    },
  );
});
