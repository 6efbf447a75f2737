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
   * several processes start at once.
   */
  async ensure(token: Token): Promise<void> {
    await storing('storing the bootstrap token', () =>
      this.database
        .getRepository(Token)
        .createQueryBuilder()
        .insert()
        .values(token)
        .orUpdate(['scopes', 'repository_ids', 'owner_logins', 'expires_at', 'revoked_at'], ['hash'])
        .execute(),
    );
  }

  /** The token with this hash, revoked and expired ones too. */
  async findByHash(hash: Buffer): Promise<Token | null> {
    return storing('reading the token', () => this.database.getRepository(Token).findOneBy({ hash }));
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
  async revoke(id: string, at: Date): Promise<boolean> {
    const result = await storing('revoking the token', () =>
      this.database
        .createQueryBuilder()
        .update(Token)
        .set({ revokedAt: at })
        .where('id = :id AND revoked_at IS NULL', { id })
        .execute(),
    );
    return result.affected === 1;
  }

  /** Notes that a token was used; never moves the time back. */
  async touch(id: string, at: Date): Promise<void> {
    await storing('noting the use of the token', () =>
      this.database.query('UPDATE tokens SET last_used_at = greatest(last_used_at, $2) WHERE id = $1', [
        id,
        at,
      ]),
    );
  }
}
