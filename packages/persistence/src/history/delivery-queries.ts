import { acceptedAtMsOfDeliveryId } from '@dits/domain';
import type { SelectQueryBuilder } from 'typeorm';
import type { Database } from '../database.js';
import { storing, type Transaction } from '../storing.js';
import type { DeliveryStatus } from './delivery-state.js';
import { AttemptRow, DeliveryRow, EventBodyRow } from './entities.js';

/** `none`: attempted, and no answer came. A delivery not yet attempted is in no class. */
export type ResponseClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none';

/** Which deliveries of a webhook; what is absent does not restrict. */
export interface DeliveryFilter {
  status?: DeliveryStatus;
  /** Exact event name. */
  event?: string;
  /** Accepted then or later. */
  since?: Date;
  /** Accepted before. */
  until?: Date;
  /** Of the last attempt. */
  response?: ResponseClass;
}

/** Newest first. */
export interface DeliveryPage {
  deliveries: DeliveryRow[];
  /** Cursor of the next page; null on the last one. */
  next: string | null;
}

/** A delivery with everything known about it. */
export interface DeliveryDetail {
  delivery: DeliveryRow;
  /** The bytes that were posted; null once their retention (7 days by default) is over. */
  body: Buffer | null;
  /** In the order they were made. */
  attempts: AttemptRow[];
}

/** Reads the history that `HistoryProjection` writes. Every method throws `StorageFault` when the database fails. */
export class DeliveryQueries {
  constructor(private readonly database: Database) {}

  /**
   * One page of a webhook's deliveries, newest first.
   *
   * `cursor` is null or the `next` of the page before; the cursor is the last delivery's id. Check one that comes from outside with
   * {@link isDeliveryId} first. `limit` is the most rows of a page, from 1.
   */
  list(
    webhookId: string,
    filter: DeliveryFilter,
    cursor: string | null,
    limit: number,
  ): Promise<DeliveryPage> {
    return storing('listing deliveries', async () => {
      const rows = await deliveriesQuery(this.database, { webhookId, filter, cursor })
        .limit(limit + 1)
        .getMany();
      const deliveries = rows.slice(0, limit);
      return { deliveries, next: rows.length > limit ? deliveries.at(-1)!.deliveryId : null };
    });
  }

  /** One delivery of a webhook, or null: unknown, of another webhook, or past its retention. Any text is fine as an id. */
  get(webhookId: string, deliveryId: string): Promise<DeliveryDetail | null> {
    return storing('reading a delivery', async () => {
      if (!isDeliveryId(deliveryId)) return null;
      const acceptedAt = new Date(acceptedAtMsOfDeliveryId(deliveryId));
      const manager = this.database.manager;
      const delivery = await manager.findOneBy(DeliveryRow, { deliveryId, acceptedAt, webhookId });
      if (delivery === null) return null;
      const [stored, attempts] = await Promise.all([
        manager.findOneBy(EventBodyRow, { eventId: delivery.eventId, acceptedAt }),
        manager.find(AttemptRow, {
          where: { deliveryId, acceptedAt },
          order: { attempt: 'ASC', startedAt: 'ASC' },
        }),
      ]);
      return { delivery, body: stored?.body ?? null, attempts };
    });
  }
}

/** The deliveries of a webhook, newest first, after the cursor; on its own so that a test can have it explained. */
export function deliveriesQuery(
  database: Database,
  o: { webhookId: string; filter: DeliveryFilter; cursor: string | null },
): SelectQueryBuilder<DeliveryRow> {
  const query = filteredDeliveries(database.manager, o);
  if (o.cursor !== null) {
    const acceptedAt = new Date(acceptedAtMsOfDeliveryId(o.cursor));
    query.andWhere('(d.acceptedAt, d.deliveryId) < (:acceptedAt, :cursor)', { acceptedAt, cursor: o.cursor });
    // Says less, but partitions are pruned by it and not by the pair.
    query.andWhere('d.acceptedAt <= :acceptedAt');
  }
  return query.orderBy({ 'd.acceptedAt': 'DESC', 'd.deliveryId': 'DESC' });
}

/** The deliveries of a webhook that pass a filter, in no order. */
export function filteredDeliveries(
  on: Transaction,
  { webhookId, filter }: { webhookId: string; filter: DeliveryFilter },
): SelectQueryBuilder<DeliveryRow> {
  const { status, event, since, until, response } = filter;
  const query = on
    .getRepository(DeliveryRow)
    .createQueryBuilder('d')
    .where('d.webhookId = :webhookId', { webhookId });
  if (status !== undefined) query.andWhere('d.status = :status', { status });
  if (event !== undefined) query.andWhere('d.event = :event', { event });
  if (response !== undefined)
    query.andWhere('d.responseClass = :responseClass', { responseClass: responseClassOf(response) });
  if (since !== undefined) query.andWhere('d.acceptedAt >= :since', { since });
  if (until !== undefined) query.andWhere('d.acceptedAt < :until', { until });
  return query;
}

function responseClassOf(response: ResponseClass): number {
  return response === 'none' ? 0 : Number(response[0]);
}

const DELIVERY_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** True for a text that has the form of a delivery id, a UUIDv8. */
export function isDeliveryId(text: string): boolean {
  return DELIVERY_ID.test(text);
}
