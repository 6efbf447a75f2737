import {
  createParamDecorator,
  Inject,
  Injectable,
  SetMetadata,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ProblemException } from './problem.js';

/** What a token may do. Lists that are null mean no limit; with any list, what it names is all that the token reaches. */
export interface VerifiedToken {
  tokenId: string;
  scopes: string[];
  repositoryIds: number[] | null;
  /** Lower case. */
  ownerLogins: string[] | null;
  /** Its own rates; null or absent: the installation's default; 0: no limit. */
  requestsPerSecond?: number | null;
  eventsPerSecond?: number | null;
  /** Of a token of our own. */
  name?: string;
  /** Of a JWT: whom it is about, and who says so. */
  subject?: string;
  issuer?: string;
}

/**
 * Knows tokens. Resolves to null for one that is unknown, expired or revoked; rejects with a fault when it can't tell, and with a
 * 429 {@link ProblemException} when too many bad ones came from the address.
 */
export interface VerifyToken {
  verifyToken(token: string, from: { address: string }): Promise<VerifiedToken | null>;
}

/** Nest token under which an app provides its {@link VerifyToken}. */
export const VERIFY_TOKEN = Symbol('VERIFY_TOKEN');

const REQUIRED_SCOPE = 'dits:scope';
const PUBLIC = Symbol('public');
const REALM = 'Bearer realm="dits"';
// RFC 6750, section 2.1.
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/** The handler needs a token with this scope; `admin` includes every scope. */
export const RequireScope = (scope: string): ClassDecorator & MethodDecorator =>
  SetMetadata(REQUIRED_SCOPE, scope);

/** The handler needs no token. */
export const Public = (): ClassDecorator & MethodDecorator => SetMetadata(REQUIRED_SCOPE, PUBLIC);

/** The request's verified token, as a parameter of a handler. */
export const Token: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): VerifiedToken => tokenOf(context.switchToHttp().getRequest())!,
);

/** True when the token's limits reach a repository: it is listed, or its owner is, or there are no limits. */
export function tokenReaches(
  token: Pick<VerifiedToken, 'repositoryIds' | 'ownerLogins'>,
  target: { repositoryId?: number | undefined; ownerLogin?: string | undefined },
): boolean {
  if (token.repositoryIds === null && token.ownerLogins === null) return true;
  return (
    (target.repositoryId !== undefined && token.repositoryIds?.includes(target.repositoryId) === true) ||
    (target.ownerLogin !== undefined && token.ownerLogins?.includes(target.ownerLogin.toLowerCase()) === true)
  );
}

/**
 * Lets a request pass that has a bearer token with the scope its handler requires.
 *
 * Otherwise 401 or 403 with `WWW-Authenticate` (RFC 6750). A handler with neither `@RequireScope` nor `@Public` needs
 * `admin`, so that one that was forgotten is not open.
 */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(VERIFY_TOKEN) private readonly verifier: VerifyToken,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const scope =
      this.reflector.getAllAndOverride<string | typeof PUBLIC | undefined>(REQUIRED_SCOPE, [
        context.getHandler(),
        context.getClass(),
      ]) ?? 'admin';
    if (scope === PUBLIC) return true;
    const token = await authenticate(context.switchToHttp().getRequest<FastifyRequest>(), this.verifier);
    if (!token.scopes.includes(scope) && !token.scopes.includes('admin')) {
      throw new ProblemException(403, {
        detail: `The token does not have the scope ${scope}.`,
        code: 'insufficient_scope',
        headers: { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` },
      });
    }
    return true;
  }
}

const verified = new WeakMap<object, VerifiedToken>();

/** The token that {@link authenticate} found on a request. */
export function tokenOf(request: FastifyRequest): VerifiedToken | undefined {
  return verified.get(request.raw);
}

/** Verifies a request's bearer token, once per request. Throws a 401 {@link ProblemException}; whatever is wrong with the token, it says the same. */
export async function authenticate(request: FastifyRequest, verifier: VerifyToken): Promise<VerifiedToken> {
  const known = tokenOf(request);
  if (known) return known;
  const header = request.headers.authorization;
  if (header === undefined) {
    throw new ProblemException(401, {
      detail: 'A token is needed: Authorization: Bearer <token>.',
      headers: { 'www-authenticate': REALM },
    });
  }
  const text = BEARER.exec(header)?.[1];
  const token = text === undefined ? null : await verifier.verifyToken(text, { address: request.ip });
  if (!token) {
    throw new ProblemException(401, {
      detail: 'The token is not valid.',
      code: 'invalid_token',
      headers: { 'www-authenticate': `${REALM}, error="invalid_token"` },
    });
  }
  verified.set(request.raw, token);
  return token;
}
