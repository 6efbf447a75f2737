import {
  Token,
  type AuditChange,
  type TokenHash,
  type TokenStore,
  type Transaction,
} from '@dits/persistence';
import { SCOPES, type Logger } from '@dits/runtime';
import { SYSTEM, type Actor } from '../audit/actor.js';
import { differences, type AuditTrail } from '../audit/audit-trail.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { invalidFields } from '../http/read-fields.js';
import { presentToken, type TokenWithSecretBody } from './token-body.js';
import type { TokenCreateFields } from './token-fields.js';

/** What making tokens needs. */
export interface TokenDeps {
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  tokens: TokenStore;
  audit: Pick<AuditTrail, 'record'>;
  generateToken: () => string;
  /** The keyed hashes of a token; the first is stored in its place. */
  hashes: (token: string) => [TokenHash, ...TokenHash[]];
  /** A new UUIDv7. */
  newId: () => string;
  now: () => number;
  log: Pick<Logger, 'info'>;
}

export const TOKEN_DEPS = Symbol('TOKEN_DEPS');

// "dits_" and four more: tells tokens apart, and leaves 36 characters to guess.
const PREFIX_CHARACTERS = 9;

/** Makes a token; the answer is the only place where it is ever shown. */
export async function createToken(
  deps: TokenDeps,
  o: { fields: TokenCreateFields; keep: KeepAnswer; by: Actor },
): Promise<Answer<TokenWithSecretBody>> {
  const nowMs = deps.now();
  if (o.fields.expires_at && o.fields.expires_at.getTime() <= nowMs) {
    throw invalidFields([{ path: 'expires_at', message: 'must be in the future' }]);
  }
  const text = deps.generateToken();
  const token = tokenOf(deps, text, {
    name: o.fields.name,
    scopes: o.fields.scopes,
    repositoryIds: o.fields.repository_ids,
    ownerLogins: o.fields.owner_logins,
    requestsPerSecond: o.fields.requests_per_second,
    eventsPerSecond: o.fields.events_per_second,
    expiresAt: o.fields.expires_at,
  });
  const answer = {
    status: 201,
    headers: { location: `/v1/tokens/${token.id}` },
    body: { ...presentToken(token), token: text },
  };
  await deps.inTransaction('creating the token', async (tx) => {
    await deps.tokens.insert(tx, token);
    await deps.audit.record(tx, {
      by: o.by,
      action: 'token.created',
      target: { kind: 'token', id: token.id },
      changes: tokenChanges(null, token),
    });
    await o.keep(tx, answer);
  });
  deps.log.info({ created_token_id: token.id, scopes: token.scopes, token_id: o.by.id }, 'token.created');
  return answer;
}

/** Revokes a token; false when there is none that is not revoked yet. */
export async function revokeToken(deps: TokenDeps, { id, by }: { id: string; by: Actor }): Promise<boolean> {
  const token = await deps.tokens.find(id);
  const isRevoked = await deps.inTransaction('revoking the token', async (tx) => {
    if (!token || !(await deps.tokens.revoke(tx, id, new Date(deps.now())))) return false;
    await deps.audit.record(tx, {
      by,
      action: 'token.revoked',
      target: { kind: 'token', id },
      changes: tokenChanges(token, null),
    });
    return true;
  });
  if (isRevoked) deps.log.info({ revoked_token_id: id, token_id: by.id }, 'token.revoked');
  return isRevoked;
}

/**
 * Makes sure of the token that the configuration gives, with every scope and no limit, on its rate neither. One that the
 * configuration gave before goes on working until it is deleted.
 */
export async function ensureBootstrapToken(deps: TokenDeps, text: string): Promise<void> {
  const hashes = deps.hashes(text);
  // Its row may have the hash of an older key; without this there would be two.
  const known = await deps.tokens.findByHash(hashes.map(({ hash }) => hash));
  if (known && !known.hash.equals(hashes[0].hash)) await deps.tokens.rehash(known.id, known.hash, hashes[0]);
  const token = tokenOf(deps, text, {
    name: 'bootstrap',
    scopes: [...SCOPES],
    repositoryIds: null,
    ownerLogins: null,
    requestsPerSecond: 0,
    eventsPerSecond: 0,
    expiresAt: null,
  });
  await deps.inTransaction('making sure of the bootstrap token', async (tx) => {
    const { id, was } = await deps.tokens.ensure(tx, token);
    if (was === 'good') return;
    await deps.audit.record(tx, {
      by: SYSTEM,
      action: was === 'absent' ? 'token.created' : 'token.restored',
      target: { kind: 'token', id },
      changes: tokenChanges(null, token),
    });
  });
}

/** What a token allows, for the audit trail. */
function tokenChanges(before: Token | null, after: Token | null): AuditChange[] {
  const shown = (token: Token) => {
    const { name, scopes, repository_ids, owner_logins, ...rest } = presentToken(token);
    const { requests_per_second, events_per_second, expires_at } = rest;
    const limits = { repository_ids, owner_logins, requests_per_second, events_per_second, expires_at };
    return { name, scopes, ...limits };
  };
  return differences(before && shown(before), after && shown(after));
}

function tokenOf(
  deps: TokenDeps,
  text: string,
  fields: Pick<
    Token,
    | 'name'
    | 'scopes'
    | 'repositoryIds'
    | 'ownerLogins'
    | 'requestsPerSecond'
    | 'eventsPerSecond'
    | 'expiresAt'
  >,
): Token {
  return Object.assign(new Token(), {
    ...fields,
    id: deps.newId(),
    prefix: text.slice(0, PREFIX_CHARACTERS),
    ...deps.hashes(text)[0],
    createdAt: new Date(deps.now()),
    revokedAt: null,
    lastUsedAt: null,
  } satisfies Token);
}
