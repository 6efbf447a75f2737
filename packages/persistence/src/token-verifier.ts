import { hash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DatabaseLog } from './database.js';
import type { Token } from './entities/token.js';

/** What a token that is good allows. */
export interface VerifiedTokenFacts {
  tokenId: string;
  name: string;
  scopes: string[];
  /** With `ownerLogins`: what it is limited to, either one sufficing; both null: no limit. */
  repositoryIds: number[] | null;
  ownerLogins: string[] | null;
  /** Its own rates; null: the installation's default; 0: no limit. */
  requestsPerSecond: number | null;
  eventsPerSecond: number | null;
}

/** A token's hash under one key. */
export interface TokenHash {
  keyId: string;
  /** 32 bytes. */
  hash: Buffer;
}

export interface TokenVerifierOptions {
  /** Where tokens are looked up; a `TokenStore` fits. */
  tokens: {
    findByHash(hashes: Buffer[]): Promise<Token | null>;
    rehash(id: string, from: Buffer, to: TokenHash): Promise<void>;
  };
  /** Where uses are noted; a `TokenUses` fits. */
  uses: { note(id: string, nowMs: number): void };
  /** The keyed hashes of a token, one for each key that may have made the stored one; the first key is the one in use. */
  hashes: (token: string) => [TokenHash, ...TokenHash[]];
  /** True for a text that can't be a token: it is not looked up. */
  isMistyped?: (token: string) => boolean;
  log: DatabaseLog;
  now: () => number;
}

// A revoked token stops working this long after at the latest, plus one look-up: together within a second.
const FRESH_MS = 700;
// From this age on a look-up is made beside the request: a token in steady use never waits for one.
const REFRESH_MS = 350;
// How long tokens seen before go on working while the database is down.
const STALE_MS = 10 * 60_000;
// After this a look-up counts as "database down" and what was known before is used.
const PATIENCE_MS = 1_000;
const RETRY_MS = 1_000;
// Bounds memory when somebody tries many tokens.
const MAX_ENTRIES = 10_000;
const MAX_TOKEN_LENGTH = 512;

interface Entry {
  token: Token | null;
  readAtMs: number;
}

/**
 * Tells what a bearer token allows, with a look-up in the database about twice a second for each token in use.
 *
 * States of an entry: fresh (up to 0.7 s: answered at once, and looked up beside the request from half of that on) → due (one
 * look-up in flight, all callers wait for it) → fresh again; or, while look-ups fail or hang, stale (up to 10 min:
 * answered at once, looked up in the background) → gone (callers get the fault).
 *
 * A token whose hash was made with an older key gets one of the first key at its next look-up.
 */
export class TokenVerifier {
  private readonly entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  private readonly hashed = new LRUCache<string, [TokenHash, ...TokenHash[]]>({ max: MAX_ENTRIES });
  private readonly lookups = new Map<string, Promise<Token | null>>();
  private databaseDown = false;
  private failedAtMs = -Infinity;

  constructor(private readonly o: TokenVerifierOptions) {}

  /** Null for an unknown, revoked or expired token; the log says which. Throws StorageFault when it can't know. */
  async verifyToken(text: string): Promise<VerifiedTokenFacts | null> {
    if (text.length === 0 || text.length > MAX_TOKEN_LENGTH) return this.refused('malformed');
    const hashes = this.hashesOf(text);
    if (!hashes) return this.refused('mistyped');
    const token = await this.read(hashes);
    const nowMs = this.o.now();
    if (!token) return this.refused('unknown');
    if (token.revokedAt) return this.refused('revoked', token.id);
    if (hasExpired(token, nowMs)) return this.refused('expired', token.id);
    this.o.uses.note(token.id, nowMs);
    const { id, name, scopes, repositoryIds, ownerLogins, requestsPerSecond, eventsPerSecond } = token;
    return { tokenId: id, name, scopes, repositoryIds, ownerLogins, requestsPerSecond, eventsPerSecond };
  }

  /** True for a token that was good when it was last looked up: verifying it tells a guesser nothing new. */
  knows(text: string): boolean {
    const nowMs = this.o.now();
    const hashes = this.hashesOf(text);
    const entry = hashes && this.entries.get(entryKey(hashes[0].hash));
    if (!entry?.token || nowMs - entry.readAtMs > STALE_MS) return false;
    return !entry.token.revokedAt && !hasExpired(entry.token, nowMs);
  }

  /**
   * Keyed hashes of a text, null when it can't be a token. Those of texts seen lately are kept, under a plain hash: it takes
   * half a microsecond, the keyed ones and the checksum together twenty.
   */
  private hashesOf(text: string): [TokenHash, ...TokenHash[]] | null {
    const key = hash('sha256', text, 'base64');
    const known = this.hashed.get(key);
    if (known) return known;
    if (this.o.isMistyped?.(text)) return null;
    const hashes = this.o.hashes(text);
    this.hashed.set(key, hashes);
    return hashes;
  }

  private refused(reason: string, tokenId?: string): null {
    this.o.log.info({ reason, ...(tokenId !== undefined && { token_id: tokenId }) }, 'token.refused');
    return null;
  }

  private async read(hashes: [TokenHash, ...TokenHash[]]): Promise<Token | null> {
    const key = entryKey(hashes[0].hash);
    const entry = this.entries.get(key);
    const ageMs = entry ? this.o.now() - entry.readAtMs : Infinity;
    if (!entry || ageMs > STALE_MS) return this.lookUp(key, hashes);
    if (ageMs <= REFRESH_MS) return entry.token;
    if (this.databaseDown) {
      // One try a second finds it back; more would only press on a database that is starting.
      if (this.o.now() - this.failedAtMs > RETRY_MS) this.lookUp(key, hashes).catch(() => undefined);
      return entry.token;
    }
    if (ageMs <= FRESH_MS) {
      this.lookUp(key, hashes).catch(() => undefined);
      return entry.token;
    }
    return withPatience(this.lookUp(key, hashes), () => {
      this.setDatabaseDown(true);
      return entry.token;
    });
  }

  private lookUp(key: string, hashes: [TokenHash, ...TokenHash[]]): Promise<Token | null> {
    const running = this.lookups.get(key);
    if (running) return running;
    const lookup = this.fetch(key, hashes).finally(() => this.lookups.delete(key));
    this.lookups.set(key, lookup);
    return lookup;
  }

  private async fetch(key: string, hashes: [TokenHash, ...TokenHash[]]): Promise<Token | null> {
    // The age counts from the question: an answer that took long may be old already.
    const readAtMs = this.o.now();
    let token: Token | null;
    try {
      token = await this.o.tokens.findByHash(hashes.map(({ hash }) => hash));
    } catch (error) {
      this.setDatabaseDown(true);
      throw error;
    }
    this.setDatabaseDown(false);
    const stored = token?.hash;
    if (!stored || !hashes.some(({ hash }) => timingSafeEqual(stored, hash))) token = null;
    this.entries.set(key, { token, readAtMs });
    if (token && token.keyId !== hashes[0].keyId) this.rehash(token, hashes[0]);
    return token;
  }

  private rehash({ id, hash, keyId }: Token, to: TokenHash): void {
    this.o.tokens.rehash(id, hash, to).then(
      () => this.o.log.info({ token_id: id, from_key: keyId, to_key: to.keyId }, 'token.rehashed'),
      (error: Error) => this.o.log.warn({ token_id: id, error: error.message }, 'token.not_rehashed'),
    );
  }

  private setDatabaseDown(down: boolean): void {
    if (down) this.failedAtMs = this.o.now();
    if (down === this.databaseDown) return;
    this.databaseDown = down;
    if (down) this.o.log.warn({}, 'tokens.database_down');
    else this.o.log.info({}, 'tokens.database_back');
  }
}

function entryKey(hash: Buffer): string {
  return hash.toString('base64');
}

function hasExpired({ expiresAt }: Token, nowMs: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= nowMs;
}

/** The value of `lookup`, or `otherwise` when it fails or takes longer than the patience. */
async function withPatience<T>(lookup: Promise<T>, otherwise: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise()), PATIENCE_MS);
    timer.unref();
  });
  try {
    return await Promise.race([lookup.catch(otherwise), patience]);
  } finally {
    clearTimeout(timer);
  }
}
