import type { Routed } from '@dits/contracts';
import { acceptedAtMsOfDeliveryId } from '@dits/domain';
import type { Database } from '../database.js';
import { storing, type Transaction } from '../storing.js';
import { filteredDeliveries, type DeliveryFilter } from './delivery-queries.js';
import { deliveryChanges } from './delivery-state.js';
import { DeliveryRow } from './entities.js';
import { UPSERT_DELIVERIES } from './history-projection.js';
import { deliveryRow } from './history-rows.js';

/** A delivery that is about to be asked for again. */
export interface LockedDelivery {
  delivery: DeliveryRow;
  /** The bytes to post; null once their retention is over. */
  body: Buffer | null;
}

/**
 * Deliveries that are asked for again. What is locked here stays so until the transaction ends: two redeliveries of one
 * delivery come one after the other. Every method throws `StorageFault` when the database fails.
 */
export class RedeliveryStore {
  constructor(private readonly database: Database) {}

  /** Those of the deliveries that are of this webhook, locked. Ids that are no delivery ids are not looked for. */
  lock(tx: Transaction, webhookId: string, deliveryIds: string[]): Promise<LockedDelivery[]> {
    return storing('locking deliveries', async () => {
      if (deliveryIds.length === 0) return [];
      const acceptedAts = deliveryIds.map((id) => new Date(acceptedAtMsOfDeliveryId(id)));
      const deliveries = await tx
        .getRepository(DeliveryRow)
        .createQueryBuilder('d')
        // The times say no more than the ids, but partitions are pruned by them.
        .where('d.deliveryId = ANY (:deliveryIds) AND d.acceptedAt = ANY (:acceptedAts)', {
          deliveryIds,
          acceptedAts,
        })
        .andWhere('d.webhookId = :webhookId', { webhookId })
        // The order in which the recorder locks them.
        .orderBy({ 'd.deliveryId': 'ASC', 'd.acceptedAt': 'ASC' })
        .setLock('pessimistic_write')
        .getMany();
      return withBodies(tx, deliveries);
    });
  }

  /** The next deliveries of a webhook that pass a filter, oldest first, from after the id `after`; locked. */
  lockPage(
    tx: Transaction,
    o: { webhookId: string; filter: DeliveryFilter; after: string | null; limit: number },
  ): Promise<LockedDelivery[]> {
    return storing('locking deliveries', async () => {
      const query = filteredDeliveries(tx, o);
      if (o.after !== null) {
        const acceptedAt = new Date(acceptedAtMsOfDeliveryId(o.after));
        query.andWhere('(d.acceptedAt, d.deliveryId) > (:acceptedAt, :after)', {
          acceptedAt,
          after: o.after,
        });
        query.andWhere('d.acceptedAt >= :acceptedAt');
      }
      const deliveries = await query
        .orderBy({ 'd.acceptedAt': 'ASC', 'd.deliveryId': 'ASC' })
        .limit(o.limit)
        .setLock('pessimistic_write')
        .getMany();
      return withBodies(tx, deliveries);
    });
  }

  /** How many deliveries of a webhook pass a filter. */
  count(webhookId: string, filter: DeliveryFilter): Promise<number> {
    return storing('counting deliveries', () =>
      filteredDeliveries(this.database.manager, { webhookId, filter }).getCount(),
    );
  }

  /**
   * Stores that deliveries were asked for again, as the recorder does when it meets the same entries: whoever reads right after
   * the commit finds them pending. Their history partitions must be there, as they are where their events are.
   */
  async store(tx: Transaction, entries: Routed[]): Promise<void> {
    const rows = entries.flatMap((record) => deliveryChanges({ name: 'routed', record })).map(deliveryRow);
    if (rows.length === 0) return;
    await storing('storing redeliveries', () => tx.query(UPSERT_DELIVERIES, [JSON.stringify(rows)]));
  }
}

async function withBodies(tx: Transaction, deliveries: DeliveryRow[]): Promise<LockedDelivery[]> {
  const bodies = await bodiesOf(tx, deliveries);
  return deliveries.map((delivery) => ({ delivery, body: bodies.get(bodyKey(delivery)) ?? null }));
}

interface EventKey {
  eventId: string;
  acceptedAt: Date;
}

/** Where {@link bodiesOf} has the body of an event. */
export const bodyKey = ({ eventId, acceptedAt }: EventKey): string => `${eventId} ${acceptedAt.getTime()}`;

/** The bodies of events that are still kept, by {@link bodyKey}. */
export async function bodiesOf(tx: Transaction, events: EventKey[]): Promise<Map<string, Buffer>> {
  if (events.length === 0) return new Map();
  const times = events.map(({ acceptedAt }) => acceptedAt.getTime());
  const rows = await tx.query<(EventKey & { body: Buffer })[]>(
    `SELECT event_id AS "eventId", accepted_at AS "acceptedAt", body FROM event_bodies
     WHERE (event_id, accepted_at) IN (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]))
       AND accepted_at BETWEEN $3 AND $4`,
    [
      events.map(({ eventId }) => eventId),
      events.map(({ acceptedAt }) => acceptedAt),
      new Date(Math.min(...times)),
      new Date(Math.max(...times)),
    ],
  );
  return new Map(rows.map((row) => [bodyKey(row), row.body]));
}
