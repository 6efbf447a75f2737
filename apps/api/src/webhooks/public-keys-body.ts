import { createHash } from 'node:crypto';
import type { Webhook } from '@dits/persistence';
import { publicJwk } from '@dits/signing';
import { z } from 'zod';
import { signingNow } from './signing-keys.js';

/** The public keys of a webhook as a JWK Set (RFC 7517, RFC 8037). */
export const publicKeysBody = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
        kid: z.string().meta({ description: 'Thumbprint of the key (RFC 7638).' }),
        x: z.string().meta({ description: 'The 32 bytes of the key in base64url.' }),
        exp: z.number().int().optional().meta({
          description: 'Until when a rotated key signs, seconds since 1970; absent for the current one.',
        }),
      }),
    ),
  })
  .meta({ description: 'Keys that verify the ed25519 signatures of a webhook, the current one first.' });

export type PublicKeysBody = z.output<typeof publicKeysBody>;

/** Shows the keys of a webhook that sign now. */
export function presentPublicKeys(webhook: Pick<Webhook, 'signingKeys'>, nowMs: number): PublicKeysBody {
  const keys = signingNow(webhook.signingKeys, nowMs).map(({ public_key, expires_at_ms }) => {
    const jwk = publicJwk(public_key);
    return {
      ...jwk,
      alg: 'EdDSA' as const,
      use: 'sig' as const,
      kid: thumbprint(jwk),
      ...(expires_at_ms !== null && { exp: Math.floor(expires_at_ms / 1000) }),
    };
  });
  return { keys };
}

/** RFC 7638: the hash of the required members in alphabetical order. */
function thumbprint({ crv, kty, x }: { crv: string; kty: string; x: string }): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}
