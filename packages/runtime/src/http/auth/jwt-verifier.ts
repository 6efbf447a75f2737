import { createHash } from 'node:crypto';
import { IdentityFault } from '@dits/contracts';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Logger } from '../../logger.js';
import type { VerifiedToken } from '../bearer-guard.js';
import { readClaims, type ClaimNames } from './jwt-claims.js';
import { ProviderKeys } from './provider-keys.js';

/** What is asked of a JWT. */
export interface JwtRules {
  issuer: string;
  audience: string;
  jwksUrl: URL;
  /** Asymmetric ones only. */
  algorithms: string[];
  clockToleranceS: number;
  claims: ClaimNames;
}

interface Verified {
  token: VerifiedToken;
  untilMs: number;
}

// Checking a signature takes up to 0.2 ms; the same JWT comes with every request of its bearer.
const KEEP_MS = 60_000;
const MAX_KEPT = 10_000;
const MAX_LENGTH = 8_192;
// Three parts of base64url, the first of them a JSON object.
const JWT = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

/** True for a text in the form of a JWT. */
export function isJwt(text: string): boolean {
  return JWT.test(text);
}

/**
 * Tells what a JWT of the identity provider allows. Why one is refused stands in the log, and nowhere else.
 *
 * A JWT can't be revoked here: it works until it expires.
 */
export class JwtVerifier {
  private readonly keys: ProviderKeys;
  private readonly kept = new LRUCache<string, Verified>({ max: MAX_KEPT });

  constructor(
    private readonly o: { rules: JwtRules; log: Pick<Logger, 'info' | 'warn'>; now: () => number },
  ) {
    this.keys = new ProviderKeys({ url: o.rules.jwksUrl, log: o.log, now: o.now });
  }

  /** Fetches the provider's keys ahead of the first request; a failure shows in the log and is made up for later. */
  async warmUp(): Promise<void> {
    await this.keys.fetch().catch(() => undefined);
  }

  /** Null for a JWT that is not good. Throws `IdentityFault` when that can't be known. */
  async verifyToken(text: string): Promise<VerifiedToken | null> {
    if (text.length > MAX_LENGTH) return this.refused('too_long');
    const key = keyOf(text);
    const kept = this.kept.get(key);
    if (kept && this.o.now() < kept.untilMs) return kept.token;
    this.kept.delete(key);
    const { kind, ...found } = await this.verify(text);
    if (kind === 'refused') return this.refused((found as { reason: string }).reason);
    const { payload } = found as { payload: JWTPayload };
    const read = readClaims(payload, this.o.rules.claims);
    if (read.kind === 'refused') return this.refused(read.reason);
    this.keep(key, read.token, payload.exp!);
    return read.token;
  }

  /** True for a JWT that was good within the last minute. */
  knows(text: string): boolean {
    return this.o.now() < (this.kept.get(keyOf(text))?.untilMs ?? 0);
  }

  private async verify(
    text: string,
  ): Promise<{ kind: 'good'; payload: JWTPayload } | { kind: 'refused'; reason: string }> {
    const { issuer, audience, algorithms, clockToleranceS } = this.o.rules;
    try {
      const { payload } = await jwtVerify(text, (header, token) => this.keys.keyFor(header, token), {
        issuer,
        audience,
        algorithms,
        clockTolerance: clockToleranceS,
        currentDate: new Date(this.o.now()),
        requiredClaims: ['sub', 'exp'],
      });
      return { kind: 'good', payload };
    } catch (error) {
      if (error instanceof IdentityFault) throw error;
      if (error instanceof errors.JOSEError) return { kind: 'refused', reason: reasonOf(error) };
      // What is left is a key of the provider that can't be used.
      throw new IdentityFault('a key of the identity provider can not be used', { cause: error });
    }
  }

  private keep(key: string, token: VerifiedToken, expiresAtS: number): void {
    const { now, log, rules } = this.o;
    const untilMs = Math.min(now() + KEEP_MS, (expiresAtS + rules.clockToleranceS) * 1_000);
    this.kept.set(key, { token, untilMs });
    log.info({ token_id: token.tokenId, subject: token.subject, scopes: token.scopes }, 'jwt.accepted');
  }

  private refused(reason: string): null {
    this.o.log.info({ reason }, 'jwt.refused');
    return null;
  }
}

// Not the JWT itself: what is kept in memory should not be usable.
function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

function reasonOf(error: errors.JOSEError): string {
  switch (error.code) {
    case 'ERR_JWT_EXPIRED':
      return 'expired';
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return `claim_${(error as errors.JWTClaimValidationFailed).claim}`;
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'bad_signature';
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
      return 'algorithm_not_allowed';
    case 'ERR_JWKS_NO_MATCHING_KEY':
      return 'unknown_key';
    case 'ERR_JWKS_MULTIPLE_MATCHING_KEYS':
      return 'ambiguous_key';
    default:
      return 'malformed';
  }
}
