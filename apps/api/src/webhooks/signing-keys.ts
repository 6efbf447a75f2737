import type { SealedSigningKeyJson } from '@dits/persistence';
import { ProblemException } from '@dits/runtime';
import type { WebhookDeps } from './webhook-deps.js';

/** A new ed25519 key pair for a webhook, its private half sealed. */
export function newSigningKey(
  { box, generateSigningKey }: Pick<WebhookDeps, 'box' | 'generateSigningKey'>,
  webhookId: string,
): SealedSigningKeyJson {
  const { privateKey, publicKey } = generateSigningKey();
  return { sealed: box.seal(privateKey, webhookId), public_key: publicKey, expires_at_ms: null };
}

/**
 * Keys or secrets with a new one first; the one before signs too until the overlap is over. One former at most: rotating
 * twice within the overlap ends the first one.
 */
export function withNewFirst<T extends { expires_at_ms: number | null }>(
  former: readonly T[],
  o: { first: T; nowMs: number; overlapSeconds: number },
): T[] {
  const [previous] = former;
  if (!previous || o.overlapSeconds === 0) return [o.first];
  return [o.first, { ...previous, expires_at_ms: o.nowMs + o.overlapSeconds * 1000 }];
}

/** The keys that sign now, the current one first. */
export function signingNow<T extends { expires_at_ms: number | null }>(
  keys: readonly T[],
  nowMs: number,
): T[] {
  return keys.filter(({ expires_at_ms }) => expires_at_ms === null || expires_at_ms > nowMs);
}

/** The 409 of a rotation where there is nothing to rotate. */
export function noSigningKey(id: string): ProblemException {
  return new ProblemException(409, {
    detail: `Webhook ${id} does not sign with ed25519; change it with {"ed25519": true} first.`,
    code: 'no_signing_key',
  });
}
