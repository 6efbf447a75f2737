import { describe, expect, it } from '@jest/globals';
import { publicKeyOf } from './ed25519.js';
import { signBody, signStandard } from './sign.js';
import { verifyHubSignature, verifyStandard } from './verify.js';

/** What the projects publish whose receivers ours must get along with. Values only, with where they stand. */
const standard = [
  {
    source:
      'standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts (and its other libraries)',
    key: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  {
    source: 'standard-webhooks/standard-webhooks, libraries/go/webhook_asymmetric_test.go',
    key: 'whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=',
    signature: 'v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==',
  },
].map((vector) => ({
  ...vector,
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1614265330,
  body: '{"test": 2432232314}',
}));

const hub = [
  {
    source: 'docs.github.com, Validating webhook deliveries',
    secret: "It's a Secret to Everybody",
    body: 'Hello, World!',
    signature: 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  },
  {
    source: 'octokit/webhooks-methods.js, test/sign.test.ts',
    secret: 'mysecret',
    body: JSON.stringify({ foo: 'bar' }),
    signature: 'sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3',
  },
];

describe('the vectors of others', () => {
  it.each(standard)('are what we sign and verify: $source', (vector) => {
    const { key, id, timestampSeconds, signature } = vector;
    const body = Buffer.from(vector.body);
    expect(signStandard({ secrets: [key], id, timestampSeconds, body })).toBe(signature);
    const verdict = verifyStandard({
      secret: key.startsWith('whsk_') ? publicKeyOf(key) : key,
      body,
      headers: { id, timestamp: String(timestampSeconds), signature },
      nowMs: timestampSeconds * 1000,
    });
    expect(verdict).toEqual({ ok: true });
  });

  it.each(hub)('are what we sign and verify: $source', ({ secret, body, signature }) => {
    expect(signBody({ secret, body: Buffer.from(body) })).toBe(signature);
    expect(verifyHubSignature({ secret, body: Buffer.from(body), signature })).toEqual({ ok: true });
  });
});
