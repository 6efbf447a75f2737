import type { Database } from './database.js';
import { storing, type Transaction } from './storing.js';

/** One use of an Idempotency-Key. */
export interface IdempotencyClaim {
  tokenId: string;
  key: string;
  /** Hash of the request: method, path and body. */
  fingerprint: Buffer;
  /** Id of this try, so that a try that was given up can't answer for its successor. */
  claimId: string;
}

export type ClaimResult =
  | { kind: 'claimed' }
  | { kind: 'in_progress' }
  | { kind: 'other_request' }
  | { kind: 'answered'; answer: string };

const KEEP_MS = 24 * 3_600_000;
// A request that neither answered nor failed for this long died with its process; the next try takes over.
const CLAIM_MS = 60_000;

/** Answers kept for 24 h by token and Idempotency-Key, as opaque text (sealed by the caller: they may hold secrets). */
export class IdempotencyStore {
  constructor(private readonly database: Database) {}

  /** Claims a key for one try, or tells what became of an earlier one. */
  async claim(claim: IdempotencyClaim, now: Date): Promise<ClaimResult> {
    const { tokenId, key, fingerprint, claimId } = claim;
    return storing('claiming the idempotency key', async () => {
      const claimed = await this.database.query<unknown[]>(
        `INSERT INTO idempotency_keys AS k (token_id, key, fingerprint, claim, claimed_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (token_id, key) DO UPDATE
           SET fingerprint = excluded.fingerprint, claim = excluded.claim, claimed_at = excluded.claimed_at,
               answer = NULL, expires_at = excluded.expires_at
           WHERE k.expires_at <= $5
              OR (k.answer IS NULL AND k.claimed_at <= $7 AND k.fingerprint = excluded.fingerprint)
         RETURNING 1`,
        [tokenId, key, fingerprint, claimId, now, after(now, KEEP_MS), after(now, -CLAIM_MS)],
      );
      if (claimed.length > 0) return { kind: 'claimed' };
      const [row] = await this.database.query<{ fingerprint: Buffer; answer: string | null }[]>(
        'SELECT fingerprint, answer FROM idempotency_keys WHERE token_id = $1 AND key = $2',
        [tokenId, key],
      );
      if (!row) return { kind: 'in_progress' };
      if (!row.fingerprint.equals(fingerprint)) return { kind: 'other_request' };
      return row.answer === null ? { kind: 'in_progress' } : { kind: 'answered', answer: row.answer };
    });
  }

  /**
   * Keeps the answer of a claimed try. Given the transaction of the change itself, answer and change are kept or lost
   * together. Throws when the claim was taken over meanwhile, so that the change is not made twice.
   */
  async keep(
    claim: IdempotencyClaim,
    answer: string,
    tx: Transaction = this.database.manager,
  ): Promise<void> {
    await storing('keeping the answer', async () => {
      const { tokenId, key, claimId } = claim;
      const [, kept] = await tx.query<[unknown, number]>(
        'UPDATE idempotency_keys SET answer = $4 WHERE token_id = $1 AND key = $2 AND claim = $3',
        [tokenId, key, claimId, answer],
      );
      if (kept !== 1) throw new Error('another request took the idempotency key over');
    });
  }

  /** Gives a claim up that has no answer, so that the next try starts anew. */
  async release({ tokenId, key, claimId }: IdempotencyClaim): Promise<void> {
    await storing('releasing the idempotency key', () =>
      this.database.query(
        'DELETE FROM idempotency_keys WHERE token_id = $1 AND key = $2 AND claim = $3 AND answer IS NULL',
        [tokenId, key, claimId],
      ),
    );
  }

  /** Removes what is older than 24 h; returns how many. */
  async deleteExpired(now: Date): Promise<number> {
    return storing('removing old idempotency keys', async () => {
      const [, count] = await this.database.query<[unknown, number]>(
        'DELETE FROM idempotency_keys WHERE expires_at <= $1',
        [now],
      );
      return count;
    });
  }
}

function after(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms);
}
