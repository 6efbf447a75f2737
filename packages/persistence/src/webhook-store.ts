import type { Database } from './database.js';
import { Webhook } from './entities/webhook.js';
import { storing, type Transaction } from './storing.js';

/** Whose events a webhook gets: one repository's, or those of every repository of an owner (lower case). */
export type WebhookScope =
  { repositoryId: number; ownerLogin: null } | { repositoryId: null; ownerLogin: string };

/** How many webhooks there are: active; switched off by their owner; and by the service, because they failed. */
export interface WebhookCounts {
  active: number;
  inactive: number;
  disabled: number;
}

/** Webhooks in Postgres. A change is only complete with its snapshot in the outbox, in the same transaction. */
export class WebhookStore {
  constructor(private readonly database: Database) {}

  /** Adds a webhook. */
  async insert(tx: Transaction, webhook: Webhook): Promise<void> {
    await storing('storing the webhook', () => tx.getRepository(Webhook).insert(webhook));
  }

  /** The webhook, when it is there and in this scope. */
  async find(scope: WebhookScope, id: string): Promise<Webhook | null> {
    return storing('reading the webhook', () => this.select(this.database.manager, scope, id).getOne());
  }

  /**
   * The same, locked until the transaction ends: two changes of one webhook come one after the other, so their
   * versions, and with them their outbox rows, are in the order of their commits.
   */
  async lock(tx: Transaction, scope: WebhookScope, id: string): Promise<Webhook | null> {
    return storing('locking the webhook', () =>
      this.select(tx, scope, id).setLock('pessimistic_write').getOne(),
    );
  }

  /** A webhook of any scope. */
  async findById(id: string): Promise<Webhook | null> {
    return storing('reading the webhook', () => this.database.manager.findOneBy(Webhook, { id }));
  }

  /** A webhook of any scope, locked as by {@link lock}. */
  async lockById(tx: Transaction, id: string): Promise<Webhook | null> {
    return storing('locking the webhook', () =>
      tx.findOne(Webhook, { where: { id }, lock: { mode: 'pessimistic_write' } }),
    );
  }

  /** The active webhooks of a scope whose `events` hold exactly this text. */
  async naming(tx: Transaction, scope: WebhookScope, event: string): Promise<Webhook[]> {
    return storing('reading the webhooks', () =>
      this.inScope(tx, scope)
        .andWhere('webhook.active AND :event = ANY (webhook.events)', { event })
        .orderBy('webhook.id', 'ASC')
        .getMany(),
    );
  }

  /** Stores a webhook that {@link lock} gave, with its changes. */
  async update(tx: Transaction, webhook: Webhook): Promise<void> {
    const { id, ...columns } = webhook;
    await storing('storing the webhook', () => tx.getRepository(Webhook).update({ id }, columns));
  }

  /** Removes a webhook for good. */
  async remove(tx: Transaction, id: string): Promise<void> {
    await storing('removing the webhook', () => tx.getRepository(Webhook).delete({ id }));
  }

  /** How many there are. */
  async count(): Promise<WebhookCounts> {
    return storing('counting the webhooks', async () => {
      const [row] = await this.database.query<WebhookCounts[]>(
        `SELECT count(*) FILTER (WHERE active)::int AS active,
                count(*) FILTER (WHERE NOT active AND disabled_reason IS NULL)::int AS inactive,
                count(*) FILTER (WHERE NOT active AND disabled_reason IS NOT NULL)::int AS disabled
         FROM webhooks`,
      );
      return row!;
    });
  }

  /** Webhooks of a scope, oldest first, from after the id `after`. */
  async list(scope: WebhookScope, page: { after: string | null; limit: number }): Promise<Webhook[]> {
    const query = this.inScope(this.database.manager, scope);
    if (page.after) query.andWhere('webhook.id > :after', { after: page.after });
    return storing('reading the webhooks', () =>
      query.orderBy('webhook.id', 'ASC').limit(page.limit).getMany(),
    );
  }

  private select(manager: Transaction, scope: WebhookScope, id: string) {
    return this.inScope(manager, scope).andWhere('webhook.id = :id', { id });
  }

  private inScope(manager: Transaction, scope: WebhookScope) {
    const query = manager.getRepository(Webhook).createQueryBuilder('webhook');
    return scope.repositoryId === null
      ? query.where('webhook.owner_login = :owner', { owner: scope.ownerLogin })
      : query.where('webhook.repository_id = :repository', { repository: scope.repositoryId });
  }
}
