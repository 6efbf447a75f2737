import { counter } from '../../metrics.js';
import type { VerifiedToken, VerifyToken } from '../bearer-guard.js';
import type { FailedAuthentications } from '../limits/failed-authentications.js';
import { isJwt, type JwtVerifier } from './jwt-verifier.js';

/** Tells which tokens it was good with before; a `TokenVerifier` and a {@link JwtVerifier} fit. */
export interface KnowingVerifier {
  verifyToken(text: string): Promise<VerifiedToken | null>;
  /** True for a text that was good a moment ago. Without I/O. */
  knows(text: string): boolean;
}

const refused = counter({
  name: 'dits_authentications_refused_total',
  help: 'Requests whose token was not good, by its kind.',
  labelNames: ['kind'],
  zeros: [{ kind: 'token' }, { kind: 'jwt' }],
});

/**
 * Our own tokens and, where a provider is configured, its JWTs, with a limit on bad ones from one address.
 *
 * Beyond that limit a token that is known goes on working: whoever shares an address with a guesser is not locked out.
 */
export class Authentication implements VerifyToken {
  constructor(
    private readonly o: {
      tokens: KnowingVerifier;
      jwts: JwtVerifier | null;
      failures: FailedAuthentications;
    },
  ) {}

  async verifyToken(text: string, from: { address: string }): Promise<VerifiedToken | null> {
    const { tokens, jwts, failures } = this.o;
    const isOfProvider = jwts !== null && isJwt(text);
    const verifier = isOfProvider ? jwts : tokens;
    if (!verifier.knows(text)) failures.check(from.address);
    const token = await verifier.verifyToken(text);
    if (!token) {
      failures.count(from.address);
      refused.inc({ kind: isOfProvider ? 'jwt' : 'token' });
    }
    return token;
  }
}
