import { describe, expect, it } from '@jest/globals';
import { generateSigningKey } from '../ed25519.js';
import { generateSecret } from '../secret.js';
import { signBody, signStandard } from '../sign.js';
import { verify } from './index.js';
import { verifyHubSignature } from '../verify.js';

const secret = generateSecret();
const key = generateSigningKey();
const body = Buffer.from('{"event":"push"}');
const timestampSeconds = 1_764_000_000;
const nowMs = timestampSeconds * 1000;
const headersBy = (secrets: string[]) => ({
  'webhook-id': 'a-delivery',
  'webhook-timestamp': String(timestampSeconds),
  'webhook-signature': signStandard({ secrets, id: 'a-delivery', timestampSeconds, body }),
});
const both = headersBy([secret, key.privateKey]);
const ok = { ok: true, delivery: { id: 'a-delivery', timestampSeconds } };
const refused = (reason: string) => ({ ok: false, reason });

describe('verify', () => {
  it.each([
    ['the secret', secret],
    ['the public key', key.publicKey],
    ['a wrong secret beside the right one', [generateSecret(), secret]],
    ['a wrong public key beside the right one', [generateSigningKey().publicKey, key.publicKey]],
    ['a secret that does not fit and a public key that does', [generateSecret(), key.publicKey]],
  ])('takes a delivery by %s', (_, keys) => {
    expect(verify({ keys, body, headers: both, nowMs })).toEqual(ok);
  });

  it.each([
    [
      'a plain object in any case',
      Object.fromEntries(Object.entries(both).map(([name, v]) => [name.toUpperCase(), v])),
    ],
    ['lists of values', Object.fromEntries(Object.entries(both).map(([name, v]) => [name, [v]]))],
    ['Headers', new Headers(both)],
  ])('reads headers from %s', (_, headers) => {
    expect(verify({ keys: secret, body, headers, nowMs })).toEqual(ok);
  });

  it.each([
    ['another secret', { keys: generateSecret() }, 'signature_mismatch'],
    ['another public key', { keys: generateSigningKey().publicKey }, 'signature_mismatch'],
    ['another body', { body: Buffer.from('{"event":"pull"}') }, 'signature_mismatch'],
    [
      'another body, by the public key',
      { keys: key.publicKey, body: Buffer.from('{}') },
      'signature_mismatch',
    ],
    ['a missing header', { headers: {} }, 'missing_header'],
    ['an old time', { nowMs: nowMs + 301_000 }, 'timestamp_too_old'],
    ['a time to come', { nowMs: nowMs - 301_000 }, 'timestamp_too_new'],
    [
      'a time outside a tolerance of one’s own',
      { nowMs: nowMs + 6_000, toleranceSeconds: 5 },
      'timestamp_too_old',
    ],
    [
      'HMACs alone, when one has the public key',
      { keys: key.publicKey, headers: headersBy([secret]) },
      'no_known_signature',
    ],
    [
      'ed25519 alone, when one has the secret',
      { headers: headersBy([key.privateKey]) },
      'no_known_signature',
    ],
  ])('refuses %s, and says why', (_, change, reason) => {
    expect(verify({ keys: secret, body, headers: both, nowMs, ...change })).toEqual(refused(reason));
  });

  it('does not take the older signature in place of one with a time', () => {
    const headers = { 'x-hub-signature-256': signBody({ secret, body }) };
    expect(verify({ keys: secret, body, headers, nowMs })).toEqual(refused('missing_header'));
  });

  it('never keys an HMAC with a public key, which anybody has', () => {
    const forged = signStandard({
      secrets: [`whsec_${key.publicKey.slice('whpk_'.length)}`],
      id: 'a-delivery',
      timestampSeconds,
      body,
    });
    const headers = { ...both, 'webhook-signature': forged };
    expect(verify({ keys: key.publicKey, body, headers, nowMs })).toEqual(refused('no_known_signature'));
    const signature = signBody({ secret: key.publicKey, body });
    expect(() => verifyHubSignature({ secret: key.publicKey, body, signature })).toThrow(RangeError);
  });

  it.each([
    ['none', []],
    ['an empty one', ''],
    ['an empty one beside another', [secret, '']],
    ['one that is not set', undefined as unknown as string],
    ['a private one', key.privateKey],
    ['a public one that is none', 'whpk_AAAA'],
  ])('throws for %s: a mistake of the receiver, not of the request', (_, keys) => {
    expect(() => verify({ keys, body, headers: both, nowMs })).toThrow(RangeError);
  });
});

describe('verifyHubSignature', () => {
  it('takes two secrets at once', () => {
    const signature = signBody({ secret: 'the old one', body });
    expect(verifyHubSignature({ secret: ['the new one', 'the old one'], body, signature })).toEqual({
      ok: true,
    });
    expect(verifyHubSignature({ secret: ['the new one', 'a third'], body, signature })).toEqual(
      refused('signature_mismatch'),
    );
  });
});
