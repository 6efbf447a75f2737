import { acceptedAtMsOfDeliveryId } from '@dits/domain';
import type { SelectQueryBuilder } from 'typeorm';
import type { Database } from '../database.js';
import { storing, type Transaction } from '../storing.js';
import { AuditEntry } from './entity.js';

/** Which entries; what is absent does not restrict. */
export interface AuditFilter {
  action?: string | undefined;
  actorId?: string | undefined;
  webhookId?: string | undefined;
  repositoryId?: number | undefined;
  /** Lower case. */
  ownerLogin?: string | undefined;
  /** Then or later. */
  since?: Date | undefined;
  /** Before. */
  until?: Date | undefined;
}

/** The audit trail in Postgres. Every method throws `StorageFault` when the database fails. */
export class AuditStore {
  constructor(private readonly database: Database) {}

  /** Adds an entry as part of the transaction of the change that it tells of. Its month must have a partition. */
  async insert(tx: Transaction, entry: AuditEntry): Promise<void> {
    await storing('storing the audit entry', () => tx.getRepository(AuditEntry).insert(entry as never));
  }

  /** Entries, newest first, from before the id `after`. */
  list(filter: AuditFilter, page: { after: string | null; limit: number }): Promise<AuditEntry[]> {
    return storing('reading the audit trail', () =>
      auditQuery(this.database, filter, page.after).limit(page.limit).getMany(),
    );
  }
}

/** The entries of a filter, newest first; on its own so that a test can have it explained. */
export function auditQuery(
  database: Database,
  { action, actorId, webhookId, repositoryId, ownerLogin, since, until }: AuditFilter,
  after: string | null,
): SelectQueryBuilder<AuditEntry> {
  const query = database.manager.getRepository(AuditEntry).createQueryBuilder('e').where('true');
  if (action !== undefined) query.andWhere('e.action = :action', { action });
  if (actorId !== undefined) query.andWhere('e.actorId = :actorId', { actorId });
  if (webhookId !== undefined) query.andWhere('e.webhookId = :webhookId', { webhookId });
  if (repositoryId !== undefined) query.andWhere('e.repositoryId = :repositoryId', { repositoryId });
  if (ownerLogin !== undefined) query.andWhere('e.ownerLogin = :ownerLogin', { ownerLogin });
  if (since !== undefined) query.andWhere('e.at >= :since', { since });
  if (until !== undefined) query.andWhere('e.at < :until', { until });
  if (after !== null) {
    const at = new Date(acceptedAtMsOfDeliveryId(after));
    query.andWhere('(e.at, e.id) < (:at, :after)', { at, after });
    // Says less, but partitions are pruned by it and not by the pair.
    query.andWhere('e.at <= :at');
  }
  return query.orderBy({ 'e.at': 'DESC', 'e.id': 'DESC' });
}
