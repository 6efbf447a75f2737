import { timingSafeEqual } from 'node:crypto';
import type { DatabaseLog } from './database.js';
import type { Token } from './entities/token.js';

/** What a token that is good allows. */
export interface VerifiedTokenFacts {
  tokenId: string;
  scopes: string[];
  /** With `ownerLogins`: what it is limited to, either one sufficing; both null: no limit. */
  repositoryIds: number[] | null;
  ownerLogins: string[] | null;
}

export interface TokenVerifierOptions {
  /** Where tokens are looked up; a `TokenStore` fits. */
  tokens: { findByHash(hash: Buffer): Promise<Token | null>; touch(id: string, at: Date): Promise<void> };
  /** The keyed hash that is stored in a token's place, 32 bytes. */
  hash: (token: string) => Buffer;
  log: DatabaseLog;
  now: () => number;
}

// A revoked token stops working this long after, plus one look-up.
const FRESH_MS = 1_000;
// How long tokens seen before go on working while the database is down.
const STALE_MS = 10 * 60_000;
// After this a look-up counts as "database down" and what was known before is used.
const PATIENCE_MS = 1_000;
const TOUCH_EVERY_MS = 60_000;
// Bounds memory when somebody tries many tokens.
const MAX_ENTRIES = 10_000;
const MAX_TOKEN_LENGTH = 512;

interface Entry {
  token: Token | null;
  readAtMs: number;
}

/**
 * Tells what a bearer token allows, with a look-up in the database at most once a second for each token.
 *
 * States of an entry: fresh (up to 1 s: answered at once) → due (one look-up in flight, all callers wait for it) →
 * fresh again; or, while look-ups fail or hang, stale (up to 10 min: answered at once, looked up in the background) →
 * gone (callers get the fault).
 */
export class TokenVerifier {
  private readonly entries = new Map<string, Entry>();
  private readonly lookups = new Map<string, Promise<Token | null>>();
  private readonly touchedAtMs = new Map<string, number>();
  private databaseDown = false;
  private failedAtMs = -Infinity;

  constructor(private readonly o: TokenVerifierOptions) {}

  /** Null for an unknown, revoked or expired token. Throws StorageFault when it can't know. */
  async verifyToken(text: string): Promise<VerifiedTokenFacts | null> {
    if (text.length === 0 || text.length > MAX_TOKEN_LENGTH) return null;
    const token = await this.read(this.o.hash(text));
    const nowMs = this.o.now();
    if (!token || token.revokedAt || (token.expiresAt && token.expiresAt.getTime() <= nowMs)) return null;
    this.noteUse(token.id, nowMs);
    const { id, scopes, repositoryIds, ownerLogins } = token;
    return { tokenId: id, scopes, repositoryIds, ownerLogins };
  }

  private async read(hash: Buffer): Promise<Token | null> {
    const key = hash.toString('base64');
    const entry = this.entries.get(key);
    const ageMs = entry ? this.o.now() - entry.readAtMs : Infinity;
    if (entry && ageMs <= FRESH_MS) return entry.token;
    if (!entry || ageMs > STALE_MS) return this.lookUp(key, hash);
    if (this.databaseDown) {
      // One try a second finds it back; more would only press on a database that is starting.
      if (this.o.now() - this.failedAtMs > FRESH_MS) this.lookUp(key, hash).catch(() => undefined);
      return entry.token;
    }
    return withPatience(this.lookUp(key, hash), () => {
      this.setDatabaseDown(true);
      return entry.token;
    });
  }

  private lookUp(key: string, hash: Buffer): Promise<Token | null> {
    const running = this.lookups.get(key);
    if (running) return running;
    const lookup = this.fetch(key, hash).finally(() => this.lookups.delete(key));
    this.lookups.set(key, lookup);
    return lookup;
  }

  private async fetch(key: string, hash: Buffer): Promise<Token | null> {
    // The age counts from the question: an answer that took long may be old already.
    const readAtMs = this.o.now();
    let token: Token | null;
    try {
      token = await this.o.tokens.findByHash(hash);
    } catch (error) {
      this.setDatabaseDown(true);
      throw error;
    }
    this.setDatabaseDown(false);
    if (token && !timingSafeEqual(token.hash, hash)) token = null;
    this.entries.delete(key);
    this.entries.set(key, { token, readAtMs });
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
    return token;
  }

  private setDatabaseDown(down: boolean): void {
    if (down) this.failedAtMs = this.o.now();
    if (down === this.databaseDown) return;
    this.databaseDown = down;
    if (down) this.o.log.warn({}, 'tokens.database_down');
    else this.o.log.info({}, 'tokens.database_back');
  }

  private noteUse(id: string, nowMs: number): void {
    if (nowMs - (this.touchedAtMs.get(id) ?? -Infinity) < TOUCH_EVERY_MS) return;
    this.touchedAtMs.set(id, nowMs);
    this.o.tokens.touch(id, new Date(nowMs)).catch((error: Error) => {
      this.o.log.warn({ token_id: id, error: error.message }, 'tokens.use_not_noted');
    });
  }
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
