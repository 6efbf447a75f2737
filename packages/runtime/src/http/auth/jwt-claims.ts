import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { VerifiedToken } from '../bearer-guard.js';
import { SCOPES } from '../scopes.js';

/** Which claims say what a JWT may do. */
export interface ClaimNames {
  /** Holds scopes: a list, or a text with spaces between. */
  scopes: string;
  /** What a value of that claim means here; values that are not in it mean nothing. Null: scopes have their own names. */
  scopeNames: ReadonlyMap<string, string> | null;
  /** Holds repository ids, or `*`. */
  repositories: string;
  /** Holds owners' logins, or `*`. */
  owners: string;
}

export type ReadClaims = { kind: 'token'; token: VerifiedToken } | { kind: 'refused'; reason: string };

// As for tokens of our own.
const MAX_ITEMS = 1_000;
const MAX_SUBJECT_LENGTH = 255;

/**
 * What a verified JWT allows. Without a claim that says so it reaches no repository; `*` in one of the two claims means all. `admin` goes
 * only with `*`: it could make itself a token without the limit.
 */
export function readClaims(payload: JWTPayload, names: ClaimNames): ReadClaims {
  const { iss = '', sub = '' } = payload;
  const scopes = readScopes(payload[names.scopes], names.scopeNames);
  const repositories = readList(
    payload[names.repositories],
    Number.isSafeInteger as (id: unknown) => id is number,
  );
  const owners = readList(payload[names.owners], (login) => typeof login === 'string');
  if (sub === '' || sub.length > MAX_SUBJECT_LENGTH) return { kind: 'refused', reason: 'claim_sub' };
  if (!scopes) return { kind: 'refused', reason: 'claim_scopes' };
  if (!repositories) return { kind: 'refused', reason: 'claim_repositories' };
  if (!owners) return { kind: 'refused', reason: 'claim_owners' };
  const isUnlimited = repositories === '*' || owners === '*';
  if (scopes.includes('admin') && !isUnlimited) return { kind: 'refused', reason: 'admin_with_limits' };
  return {
    kind: 'token',
    token: {
      tokenId: subjectId(iss, sub),
      subject: sub,
      issuer: iss,
      scopes,
      repositoryIds: isUnlimited ? null : repositories,
      ownerLogins: isUnlimited ? null : owners.map((login) => login.toLowerCase()),
    },
  };
}

function readScopes(claim: unknown, names: ClaimNames['scopeNames']): string[] | null {
  if (claim === undefined) return [];
  const values: unknown[] | null =
    typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? (claim as unknown[]) : null;
  if (!values || values.length > MAX_ITEMS) return null;
  const scopes = values.map((value) => (names ? names.get(String(value)) : String(value)));
  return SCOPES.filter((scope) => scopes.includes(scope));
}

function readList<T>(claim: unknown, isItem: (item: unknown) => item is T): T[] | '*' | null {
  if (claim === undefined) return [];
  if (claim === '*') return '*';
  if (!Array.isArray(claim) || claim.length > MAX_ITEMS || !claim.every(isItem)) return null;
  return claim;
}

/** A UUIDv8 for a subject: the same in every JWT it gets, so that what hangs on the id of a token hangs on the subject. */
function subjectId(issuer: string, subject: string): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
