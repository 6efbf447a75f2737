import { In } from 'typeorm';
import type { Database } from './database.js';
import { Token } from './entities/token.js';
import { storing, type Transaction } from './storing.js';

/** API tokens in Postgres: hashes only. */
export class TokenStore {
  constructor(private readonly database: Database) {}

  /** Adds a token. */
  async insert(tx: Transaction, token: Token): Promise<void> {
    await storing('storing the token', () => tx.getRepository(Token).insert(token));
  }

  /**
   * Makes sure that a token with this hash exists and works: adds it, or lifts its revocation and limits. Safe when
   * several processes start at once. Returns its id, and how it was before.
   */
  async ensure(tx: Transaction, token: Token): Promise<{ id: string; was: 'absent' | 'revoked' | 'good' }> {
    return storing('storing the bootstrap token', async () => {
      const tokens = tx.getRepository(Token);
      const { hash } = token;
      const before = await tokens.findOne({ where: { hash }, lock: { mode: 'pessimistic_write' } });
      const stored = await tokens
        .createQueryBuilder()
        .insert()
        .values(token)
        .orUpdate(
          [
            'key_id',
            'scopes',
            'repository_ids',
            'owner_logins',
            'requests_per_second',
            'events_per_second',
            'expires_at',
            'revoked_at',
          ],
          ['hash'],
        )
        // Else the stored id would be written into what was given.
        .updateEntity(false)
        .returning('id')
        .execute();
      const [{ id }] = stored.raw as [{ id: string }];
      return { id, was: id === token.id ? 'absent' : before?.revokedAt ? 'revoked' : 'good' };
    });
  }

  /** The token with one of these hashes (of one text under several keys), revoked and expired ones too; an earlier hash wins. */
  async findByHash(hashes: Buffer[]): Promise<Token | null> {
    const found = await storing('reading the token', () =>
      this.database.getRepository(Token).findBy({ hash: In(hashes) }),
    );
    const placeOf = ({ hash }: Token): number => hashes.findIndex((one) => one.equals(hash));
    return found.toSorted((a, b) => placeOf(a) - placeOf(b))[0] ?? null;
  }

  /** The token with this id, revoked and expired ones too. */
  async find(id: string): Promise<Token | null> {
    return storing('reading the token', () => this.database.getRepository(Token).findOneBy({ id }));
  }

  /** Tokens that are not revoked, oldest first, from after the id `after`. */
  async list(page: { after: string | null; limit: number }): Promise<Token[]> {
    const query = this.database
      .getRepository(Token)
      .createQueryBuilder('token')
      .where('token.revoked_at IS NULL');
    if (page.after) query.andWhere('token.id > :after', { after: page.after });
    return storing('reading the tokens', () => query.orderBy('token.id', 'ASC').limit(page.limit).getMany());
  }

  /** Revokes a token; false when there is none that is not revoked yet. */
  async revoke(tx: Transaction, id: string, at: Date): Promise<boolean> {
    const result = await storing('revoking the token', () =>
      tx
        .createQueryBuilder()
        .update(Token)
        .set({ revokedAt: at })
        .where('id = :id AND revoked_at IS NULL', { id })
        .execute(),
    );
    return result.affected === 1;
  }

  /** Notes when tokens were used, all in one statement; never moves a time back. */
  async touchAll(uses: ReadonlyMap<string, Date>): Promise<void> {
    await storing('noting the use of tokens', () =>
      this.database.query(
        `UPDATE tokens SET last_used_at = greatest(last_used_at, used.at)
         FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) WHERE tokens.id = used.id`,
        [[...uses.keys()], [...uses.values()]],
      ),
    );
  }

  /** Replaces the hash of a token by that under another key; does nothing when the hash is no longer `from`. */
  async rehash(id: string, from: Buffer, to: { hash: Buffer; keyId: string }): Promise<void> {
    await storing('storing the hash of the token', () =>
      this.database
        .createQueryBuilder()
        .update(Token)
        .set({ hash: to.hash, keyId: to.keyId })
        .where('id = :id AND hash = :from', { id, from })
        .execute(),
    );
  }
}
