import type { Database } from '../database.js';
import { storing, type Transaction } from '../storing.js';
import type { WebhookScope } from '../webhook-store.js';

/** Which past events; all of them were matched when they came. */
export interface EventFilter {
  scope: WebhookScope;
  /** Names of event types, at least one. */
  events: string[];
  /** Accepted then or later. */
  since?: Date | undefined;
  /** Accepted before. */
  until?: Date | undefined;
  /** Exact. */
  ref?: string | undefined;
  /** Leaves out what was delivered to this webhook or is on its way. */
  missedBy?: string | undefined;
}

/** A past event, with the body that its deliveries carry. */
export interface PastEvent {
  eventId: string;
  acceptedAt: Date;
  event: string;
  repositoryId: number;
  /** Null once its retention is over. */
  body: Buffer | null;
}

/** Reads events from the history. Every method throws `StorageFault` when the database fails. */
export class EventQueries {
  constructor(private readonly database: Database) {}

  /** How many events pass the filter. */
  count(filter: EventFilter): Promise<number> {
    const { where, parameters } = conditions(filter);
    return storing('counting events', async () => {
      const [row] = await this.database.query<{ count: number }[]>(
        `SELECT count(*) AS count FROM events e WHERE ${where}`,
        parameters,
      );
      return row!.count;
    });
  }

  /** The next events that pass the filter, oldest first, from after the cursor (see {@link cursorOf}). */
  page(tx: Transaction, filter: EventFilter, after: string | null, limit: number): Promise<PastEvent[]> {
    const { sql, parameters } = pastEventsQuery(filter, after, limit);
    return storing('reading events', () => tx.query<PastEvent[]>(sql, parameters));
  }
}

/** The place of an event in the order of {@link EventQueries.page}. */
export function cursorOf({ eventId, acceptedAt }: Pick<PastEvent, 'eventId' | 'acceptedAt'>): string {
  return `${acceptedAt.toISOString()}/${eventId}`;
}

/** The statement of {@link EventQueries.page}; on its own so that a test can have it explained. */
export function pastEventsQuery(
  filter: EventFilter,
  after: string | null,
  limit: number,
): { sql: string; parameters: unknown[] } {
  const { where, parameters } = conditions(filter);
  const all = [where];
  if (after !== null) {
    const [time, eventId] = after.split('/');
    parameters.push(time, eventId);
    const place = `$${parameters.length - 1}::timestamptz`;
    // The second says less, but partitions are pruned by it and not by the pair.
    all.push(
      `(e.accepted_at, e.event_id) > (${place}, $${parameters.length}::uuid) AND e.accepted_at >= ${place}`,
    );
  }
  parameters.push(limit);
  const sql = `SELECT e.event_id AS "eventId", e.accepted_at AS "acceptedAt", e.event,
      e.repository_id AS "repositoryId", b.body
    FROM (SELECT * FROM events e WHERE ${all.join(' AND ')}
          ORDER BY e.accepted_at, e.event_id LIMIT $${parameters.length}) e
    LEFT JOIN event_bodies b ON b.event_id = e.event_id AND b.accepted_at = e.accepted_at
    ORDER BY e.accepted_at, e.event_id`;
  return { sql, parameters };
}

function conditions(filter: EventFilter): { where: string; parameters: unknown[] } {
  const { scope, events, since, until, ref, missedBy } = filter;
  const parameters: unknown[] = [scope.repositoryId ?? scope.ownerLogin, events];
  // What was never routed is a repeat, or the router has not come to it yet.
  const all = [
    scope.repositoryId === null ? 'e.owner_login = $1' : 'e.repository_id = $1',
    'e.event = ANY ($2)',
    'e.routed_at IS NOT NULL',
  ];
  const add = (value: unknown, condition: (place: string) => string): void => {
    if (value === undefined) return;
    parameters.push(value);
    all.push(condition(`$${parameters.length}`));
  };
  add(since, (place) => `e.accepted_at >= ${place}`);
  add(until, (place) => `e.accepted_at < ${place}`);
  add(ref, (place) => `e.ref = ${place}`);
  add(
    missedBy,
    (place) => `NOT EXISTS (SELECT FROM deliveries d WHERE d.webhook_id = ${place}
      AND d.accepted_at = e.accepted_at AND d.event_id = e.event_id
      AND d.status IN ('delivered', 'pending', 'retrying'))`,
  );
  return { where: all.join(' AND '), parameters };
}
