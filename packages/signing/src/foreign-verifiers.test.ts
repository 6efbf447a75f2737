import { createPublicKey, webcrypto } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { sign as octokitSign, verify as octokitVerify, verifyWithFallback } from '@octokit/webhooks-methods';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { generateSigningKey, publicJwk } from './ed25519.js';
import { verify } from './receiver/index.js';
import { generateSecret } from './secret.js';
import { signBody, signStandard } from './sign.js';
import { verifyHubSignature } from './verify.js';

// Verifiers that nobody here wrote. Their clock is the machine's.
const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const json = fc.json({ maxDepth: 2 });
const id = fc.uuid();

function headersOf(message: { secrets: string[]; id: string; body: Buffer; timestampSeconds?: number }) {
  const timestampSeconds = message.timestampSeconds ?? nowSeconds();
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signStandard({ ...message, timestampSeconds }),
  };
}

describe.each([
  ['standardwebhooks', Webhook],
  ['svix', SvixWebhook],
])('npm %s', (_, Verifier) => {
  it('verifies any JSON we sign, by either secret of a rotation, beside ed25519 signatures', () => {
    fc.assert(
      fc.property(json, id, (text, messageId) => {
        const secrets = [generateSecret(), generateSecret()];
        const keys = [generateSigningKey(), generateSigningKey()];
        const body = Buffer.from(text);
        const all = [...secrets, ...keys.map(({ privateKey }) => privateKey)];
        const headers = headersOf({ secrets: all, id: messageId, body });
        expect(headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+ v1a,\S+ v1a,\S+$/);
        for (const secret of secrets) {
          expect(() => new Verifier(secret).verify(text, headers)).not.toThrow();
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses another secret, another body, another id and an old time', () => {
    const secret = generateSecret();
    const body = Buffer.from('{"a":1}');
    const message = { secrets: [secret, generateSigningKey().privateKey], id: 'm', body };
    const headers = headersOf(message);
    const verifier = new Verifier(secret);
    expect(() => verifier.verify('{"a":1}', headers)).not.toThrow();
    expect(() => new Verifier(generateSecret()).verify('{"a":1}', headers)).toThrow('No matching signature');
    expect(() => verifier.verify('{"a":2}', headers)).toThrow('No matching signature');
    expect(() => verifier.verify('{"a":1}', { ...headers, 'webhook-id': 'n' })).toThrow();
    const old = headersOf({ ...message, timestampSeconds: nowSeconds() - 301 });
    expect(() => verifier.verify('{"a":1}', old)).toThrow('too old');
  });

  it('signs what we verify', () => {
    fc.assert(
      fc.property(json, id, (text, messageId) => {
        const secret = generateSecret();
        const now = new Date();
        const headers = {
          'webhook-id': messageId,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': new Verifier(secret).sign(messageId, now, text),
        };
        const request = { body: Buffer.from(text), headers, nowMs: now.getTime() };
        expect(verify({ ...request, keys: secret })).toMatchObject({ ok: true });
        expect(verify({ ...request, keys: generateSecret() })).toMatchObject({
          reason: 'signature_mismatch',
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe('npm @octokit/webhooks-methods', () => {
  it('verifies what we sign and signs what we verify, with a secret of any characters', async () => {
    await fc.assert(
      fc.asyncProperty(
        json,
        fc.string({ minLength: 8, unit: 'grapheme' }).filter((text) => !text.startsWith('wh')),
        async (text, secret) => {
          const body = Buffer.from(text);
          const signature = signBody({ secret, body });
          expect(await octokitVerify(secret, text, signature)).toBe(true);
          expect(await octokitVerify(`${secret}x`, text, signature)).toBe(false);
          expect(await verifyWithFallback('the new one', text, signature, [secret])).toBe(true);
          expect(verifyHubSignature({ secret, body, signature: await octokitSign(secret, text) })).toEqual({
            ok: true,
          });
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('Web Crypto', () => {
  it('verifies our ed25519 signatures by the published key', async () => {
    const { privateKey, publicKey } = generateSigningKey();
    const key = await webcrypto.subtle.importKey('jwk', { ...publicJwk(publicKey) }, 'Ed25519', false, [
      'verify',
    ]);
    const body = Buffer.from('{"event":"push"}');
    const headers = headersOf({ secrets: [privateKey], id: 'm', body });
    const [, signature] = headers['webhook-signature'].split(',');
    const signed = Buffer.from(`m.${headers['webhook-timestamp']}.${body.toString()}`);
    const bytes = Buffer.from(signature!, 'base64');
    expect(await webcrypto.subtle.verify('Ed25519', key, bytes, signed)).toBe(true);
    expect(await webcrypto.subtle.verify('Ed25519', key, bytes, Buffer.concat([signed, body]))).toBe(false);
    expect(createPublicKey({ key: { ...publicJwk(publicKey) }, format: 'jwk' }).asymmetricKeyType).toBe(
      'ed25519',
    );
  });
});
