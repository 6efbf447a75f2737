import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generateSecret } from './secret.js';
import { signBody, signStandard } from './sign.js';
import { verifyHubSignature, verifyStandard } from './verify.js';

// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
const github = {
  secret: "It's a Secret to Everybody",
  body: Buffer.from('Hello, World!'),
  signature: 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
};

// The vector of the Standard Webhooks specification and its libraries.
const standard = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1614265330,
  body: Buffer.from('{"test": 2432232314}'),
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

describe('X-Hub-Signature-256', () => {
  it("gives GitHub's documented signature", () => {
    expect(signBody(github)).toBe(github.signature);
    expect(verifyHubSignature(github)).toEqual({ ok: true });
  });

  it('keys with the text of a whsec_ secret, as a receiver does that was given that text', () => {
    const secret = generateSecret();
    const body = Buffer.from('{"event":"push"}');
    const asInTheNodeHandler = createHmac('sha256', secret).update(body).digest('hex');
    expect(signBody({ secret, body })).toBe(`sha256=${asInTheNodeHandler}`);
  });

  it('keys with UTF-8 bytes and signs the bytes as they are', () => {
    const secret = 'clé-秘密';
    const body = Buffer.from([0xff, 0x00, 0xc3, 0x28]);
    const expected = createHmac('sha256', Buffer.from(secret, 'utf8')).update(body).digest('hex');
    expect(signBody({ secret, body })).toBe(`sha256=${expected}`);
  });

  it.each([
    ['missing_header', undefined],
    ['missing_header', ''],
    ['malformed_header', github.signature.slice('sha256='.length)],
    ['malformed_header', `${github.signature}00`],
    ['malformed_header', 'sha1=757107ea0eb2509fc211221cce984b8a37570b6d'],
    ['signature_mismatch', `sha256=${'0'.repeat(64)}`],
  ])('refuses with %s: %s', (reason, signature) => {
    expect(verifyHubSignature({ ...github, signature })).toEqual({ ok: false, reason });
  });

  it('refuses another body and another secret', () => {
    const mismatch = { ok: false, reason: 'signature_mismatch' };
    expect(verifyHubSignature({ ...github, body: Buffer.from('Hello, World?') })).toEqual(mismatch);
    expect(verifyHubSignature({ ...github, secret: 'another' })).toEqual(mismatch);
  });

  it('takes the hex in upper case too', () => {
    const signature = `sha256=${github.signature.slice('sha256='.length).toUpperCase()}`;
    expect(verifyHubSignature({ ...github, signature })).toEqual({ ok: true });
  });
});

describe('the Standard Webhooks scheme', () => {
  const headers = {
    id: standard.id,
    timestamp: String(standard.timestampSeconds),
    signature: standard.signature,
  };
  const request = {
    secret: standard.secret,
    body: standard.body,
    headers,
    nowMs: standard.timestampSeconds * 1000,
  };

  it("gives the specification's signature", () => {
    expect(signStandard({ ...standard, secrets: [standard.secret] })).toBe(standard.signature);
    expect(verifyStandard(request)).toEqual({ ok: true });
  });

  it('signs once for every secret, in order, and each holder of one of them verifies', () => {
    const secrets = [generateSecret(), 'a plain secret'];
    const signature = signStandard({ ...standard, secrets });
    expect(signature).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/);
    for (const secret of secrets) {
      expect(verifyStandard({ ...request, secret, headers: { ...headers, signature } })).toEqual({
        ok: true,
      });
    }
  });

  it.each([
    ['decodes what follows whsec_', standard.secret, Buffer.from(standard.secret.slice(6), 'base64')],
    ['takes a plain secret as it is', 'plain', Buffer.from('plain')],
    ['takes whsec_ and no base64 as it is', 'whsec_not base64', Buffer.from('whsec_not base64')],
    ['never makes an empty key of a bare whsec_', 'whsec_', Buffer.from('whsec_')],
  ])('%s', (_, secret, key) => {
    const expected = createHmac('sha256', key)
      .update(`${standard.id}.${standard.timestampSeconds}.`)
      .update(standard.body)
      .digest('base64');
    expect(signStandard({ ...standard, secrets: [secret] })).toBe(`v1,${expected}`);
  });

  it.each([
    ['missing_header', { id: undefined }],
    ['missing_header', { timestamp: undefined }],
    ['missing_header', { signature: undefined }],
    ['malformed_header', { timestamp: 'yesterday' }],
    ['malformed_header', { timestamp: '-1' }],
    ['no_known_signature', { signature: 'v1a,AAAA' }],
    ['signature_mismatch', { signature: 'v1,AAAA v1,' }],
    ['signature_mismatch', { id: 'msg_another' }],
    ['signature_mismatch', { timestamp: String(standard.timestampSeconds + 1) }],
  ])('refuses with %s: %j', (reason, change) => {
    expect(verifyStandard({ ...request, headers: { ...headers, ...change } })).toEqual({ ok: false, reason });
  });

  it.each([
    [300, { ok: true }],
    [301, { ok: false, reason: 'timestamp_too_old' }],
    [-300, { ok: true }],
    [-301, { ok: false, reason: 'timestamp_too_new' }],
  ])('judges a request that came %d s after its timestamp', (seconds, verdict) => {
    const nowMs = (standard.timestampSeconds + seconds) * 1000;
    expect(verifyStandard({ ...request, nowMs })).toEqual(verdict);
  });

  it('takes the tolerance that the receiver wants', () => {
    const nowMs = (standard.timestampSeconds + 10) * 1000;
    expect(verifyStandard({ ...request, nowMs, toleranceSeconds: 5 })).toEqual({
      ok: false,
      reason: 'timestamp_too_old',
    });
  });

  it('passes over signatures of other versions', () => {
    const signature = `v1a,AAAA ${standard.signature}`;
    expect(verifyStandard({ ...request, headers: { ...headers, signature } })).toEqual({ ok: true });
  });

  it('refuses to sign with no secret, or an id that makes the signed text ambiguous', () => {
    expect(() => signStandard({ ...standard, secrets: [] })).toThrow(RangeError);
    expect(() => signStandard({ ...standard, secrets: ['s'], id: 'a.b' })).toThrow(RangeError);
  });
});
