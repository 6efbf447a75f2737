import type { Database } from './database.js';
import { Webhook } from './entities/webhook.js';
import { storing, type Transaction } from './storing.js';

/** What is sealed: the columns of a webhook, and the answers kept for `Idempotency-Key`. */
export type SealedPlace = 'secrets' | 'headers' | 'signing_keys' | 'answers';

/** How many values of a place are sealed with a key. */
export interface SealedCount {
  place: SealedPlace;
  keyId: string;
  values: number;
}

/** A kept answer. */
export interface SealedAnswer {
  tokenId: string;
  key: string;
  sealed: string;
}

// A sealed text is v1.<key id>.<…>.
const KEY_ID = (sealed: string): string => `split_part(${sealed}, '.', 2)`;

/** Every sealed value in the database, for the rotation of the key that seals. */
export class SealedValues {
  constructor(private readonly database: Database) {}

  /** How many values each key has sealed. */
  async count(): Promise<SealedCount[]> {
    const inWebhooks = ['secrets', 'headers', 'signing_keys'].map(
      (column) =>
        `SELECT '${column}' AS place, ${KEY_ID(`value ->> 'sealed'`)} AS "keyId"
         FROM webhooks, jsonb_array_elements(${column}) AS value`,
    );
    return storing('counting the sealed values', () =>
      this.database.query<SealedCount[]>(
        `SELECT place, "keyId", count(*)::int AS values
         FROM (${inWebhooks.join(' UNION ALL ')}
               UNION ALL SELECT 'answers', ${KEY_ID('answer')} FROM idempotency_keys WHERE answer IS NOT NULL) AS sealed
         GROUP BY place, "keyId" ORDER BY place, "keyId"`,
      ),
    );
  }

  /**
   * The next webhooks, by id from after `after`, that hold a value sealed with another key than `keyId`, locked until
   * the transaction ends: whoever changes one meanwhile comes before or after, and their outbox rows are in that order.
   */
  async lockWebhooks(
    tx: Transaction,
    o: { keyId: string; after: string | null; limit: number },
  ): Promise<Webhook[]> {
    const query = tx
      .getRepository(Webhook)
      .createQueryBuilder('webhook')
      .where(
        `EXISTS (SELECT FROM jsonb_array_elements(webhook.secrets || webhook.headers || webhook.signing_keys) AS value
                 WHERE ${KEY_ID(`value ->> 'sealed'`)} <> :keyId)`,
        { keyId: o.keyId },
      );
    if (o.after) query.andWhere('webhook.id > :after', { after: o.after });
    return storing('locking webhooks', () =>
      query.orderBy('webhook.id', 'ASC').limit(o.limit).setLock('pessimistic_write').getMany(),
    );
  }

  /** Kept answers that another key than `keyId` has sealed, from after `after`. */
  async answers(o: { keyId: string; after: SealedAnswer | null; limit: number }): Promise<SealedAnswer[]> {
    return storing('reading the kept answers', () =>
      this.database.query<SealedAnswer[]>(
        `SELECT token_id AS "tokenId", key, answer AS sealed FROM idempotency_keys
         WHERE ${KEY_ID('answer')} <> $1 AND ($2::uuid IS NULL OR (token_id, key) > ($2, $3))
         ORDER BY token_id, key LIMIT $4`,
        [o.keyId, o.after?.tokenId ?? null, o.after?.key ?? null, o.limit],
      ),
    );
  }

  /** Puts an answer in the place of the one it was made of; false when that is no longer there. */
  async replaceAnswer({ tokenId, key, sealed }: SealedAnswer, anew: string): Promise<boolean> {
    return storing('storing a kept answer', async () => {
      const [, count] = await this.database.query<[unknown, number]>(
        'UPDATE idempotency_keys SET answer = $4 WHERE token_id = $1 AND key = $2 AND answer = $3',
        [tokenId, key, sealed, anew],
      );
      return count === 1;
    });
  }
}
