import type { Database } from '../database.js';
import { storing, type Transaction } from '../storing.js';
import { deliveryChanges } from './delivery-state.js';
import { AttemptRow, DeliveryRow } from './entities.js';
import { UPSERT_DELIVERIES } from './history-projection.js';
import { deliveryRow } from './history-rows.js';
import type { LogEntry } from './log-entry.js';
import { bodiesOf, bodyKey } from './redelivery-store.js';

/** A delivery that should have been attempted by now, locked. */
export interface OverdueDelivery {
  delivery: DeliveryRow;
  /** In the order they were made; what they carried and what was answered is left out. */
  attempts: Pick<AttemptRow, 'attempt' | 'scheduleAttempt' | 'trigger' | 'startedAt' | 'nextStep'>[];
  /** The bytes to post; null once their retention is over. */
  body: Buffer | null;
}

/** An event that was accepted and never routed, nor was another of its id. */
export interface UnroutedEvent {
  eventId: string;
  acceptedAt: Date;
  event: string;
  repositoryId: number;
}

/** How much is overdue, what is merely slow among it; counted to 100,000. */
export interface OverdueCounts {
  deliveries: number;
  events: number;
}

// Any fixed number; every auditor asks for the same.
const AUDIT_LOCK = 0x61756469;
const COUNT_LIMIT = 100_000;

// As the index deliveries_due has it.
const IS_OVERDUE = `status IN ('pending', 'retrying') AND coalesce(next_attempt_at, updated_at) < $1`;
const IS_UNROUTED = `e.routed_at IS NULL AND e.accepted_at < $1
  AND NOT EXISTS (SELECT FROM events r WHERE r.event_id = e.event_id AND r.routed_at IS NOT NULL)`;

/** Finds what should have happened by now and has not. Every method throws `StorageFault` when the database fails. */
export class LossAuditStore {
  constructor(private readonly database: Database) {}

  /** Runs `work` unless another process runs its own, or the history is being rebuilt; returns whether it did. */
  async exclusively(work: () => Promise<void>): Promise<boolean> {
    // A connection of its own: the lock is the session's, and ends with it when we die.
    const session = this.database.createQueryRunner();
    try {
      const [row] = await storing('locking the audit', async () => {
        const sql = 'SELECT pg_try_advisory_lock($1) AS "isOurs"';
        return (await session.query(sql, [AUDIT_LOCK])) as { isOurs: boolean }[];
      });
      if (!row!.isOurs) return false;
      try {
        const rebuilds = await storing('looking for a rebuild', () =>
          this.database.query<object[]>('SELECT FROM history_rebuilds'),
        );
        if (rebuilds.length > 0) return false;
        await work();
        return true;
      } finally {
        await session.query('SELECT pg_advisory_unlock($1)', [AUDIT_LOCK]).catch(() => undefined);
      }
    } finally {
      await session.release();
    }
  }

  /**
   * Runs a rebuild of the history. No audit begins until one has ended well, since half a history would show losses that are none;
   * one under way ends by itself.
   */
  async whileRebuilding(begunAt: Date, work: () => Promise<void>): Promise<void> {
    await storing('beginning the rebuild', () =>
      this.database.query('INSERT INTO history_rebuilds (begun_at) VALUES ($1)', [begunAt]),
    );
    const session = this.database.createQueryRunner();
    try {
      await storing('waiting for an audit', () => session.query('SELECT pg_advisory_lock($1)', [AUDIT_LOCK]));
      await session.query('SELECT pg_advisory_unlock($1)', [AUDIT_LOCK]);
    } finally {
      await session.release();
    }
    await work();
    await storing('ending the rebuild', () => this.database.query('DELETE FROM history_rebuilds'));
  }

  /** How much was due before that time. */
  async count(dueBefore: Date): Promise<OverdueCounts> {
    return storing('counting what is overdue', async () => {
      const [row] = await this.database.query<OverdueCounts[]>(
        `SELECT (SELECT count(*) FROM (SELECT FROM deliveries WHERE ${IS_OVERDUE} LIMIT ${COUNT_LIMIT}) d)::int AS deliveries,
                (SELECT count(*) FROM (SELECT FROM events e WHERE ${IS_UNROUTED} LIMIT ${COUNT_LIMIT}) e)::int AS events`,
        [dueBefore],
      );
      return row!;
    });
  }

  /** Deliveries that were due before that time, the longest overdue first, locked until the transaction ends. */
  lockOverdue(tx: Transaction, dueBefore: Date, limit: number): Promise<OverdueDelivery[]> {
    return storing('reading overdue deliveries', async () => {
      const ids = await tx.query<{ delivery_id: string; accepted_at: Date }[]>(
        // What another transaction holds is being redelivered: not lost any more when it is done.
        `SELECT delivery_id, accepted_at FROM deliveries WHERE ${IS_OVERDUE}
         ORDER BY coalesce(next_attempt_at, updated_at) LIMIT $2 FOR UPDATE SKIP LOCKED`,
        [dueBefore, limit],
      );
      if (ids.length === 0) return [];
      const which = {
        deliveryIds: ids.map((row) => row.delivery_id),
        acceptedAts: ids.map((row) => row.accepted_at),
      };
      const condition = (name: string) =>
        `${name}.deliveryId = ANY (:deliveryIds) AND ${name}.acceptedAt = ANY (:acceptedAts)`;
      const deliveries = await tx
        .getRepository(DeliveryRow)
        .createQueryBuilder('d')
        .where(condition('d'), which)
        .getMany();
      const attempts = await tx
        .getRepository(AttemptRow)
        .createQueryBuilder('a')
        .select(
          ['deliveryId', 'acceptedAt', 'attempt', 'startedAt', 'scheduleAttempt', 'trigger', 'nextStep'].map(
            (column) => `a.${column}`,
          ),
        )
        .where(condition('a'), which)
        .orderBy({ 'a.attempt': 'ASC', 'a.startedAt': 'ASC' })
        .getMany();
      const byDelivery = Map.groupBy(attempts, ({ deliveryId }) => deliveryId);
      const bodies = await bodiesOf(tx, deliveries);
      return deliveries.map((delivery) => ({
        delivery,
        attempts: byDelivery.get(delivery.deliveryId) ?? [],
        body: bodies.get(bodyKey(delivery)) ?? null,
      }));
    });
  }

  /**
   * Stores that deliveries were put back, as the recorder does when it meets the same entries: the next audit finds them with
   * their new time.
   */
  async storePutBack(tx: Transaction, entries: LogEntry[]): Promise<void> {
    const rows = entries.flatMap(deliveryChanges).map(deliveryRow);
    if (rows.length === 0) return;
    await storing('storing what was put back', () => tx.query(UPSERT_DELIVERIES, [JSON.stringify(rows)]));
  }

  /** Events that were accepted before that time and not put back yet, oldest first. */
  unroutedEvents(acceptedBefore: Date, limit: number): Promise<UnroutedEvent[]> {
    return storing('reading unrouted events', () =>
      this.database.query<UnroutedEvent[]>(
        `SELECT e.event_id AS "eventId", e.accepted_at AS "acceptedAt", e.event, e.repository_id AS "repositoryId"
         FROM events e WHERE ${IS_UNROUTED}
           AND NOT EXISTS (SELECT FROM events_put_back p WHERE p.event_id = e.event_id AND p.accepted_at = e.accepted_at)
         ORDER BY e.accepted_at LIMIT $2`,
        [acceptedBefore, limit],
      ),
    );
  }

  /** Notes that an event was put back: it is not put back a second time. Forgets what is older than the history. */
  async notePutBack(
    { eventId, acceptedAt }: UnroutedEvent,
    o: { now: Date; historyFrom: Date },
  ): Promise<void> {
    await storing('noting an event that was put back', async () => {
      await this.database.query(
        'INSERT INTO events_put_back (event_id, accepted_at, put_back_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [eventId, acceptedAt, o.now],
      );
      await this.database.query('DELETE FROM events_put_back WHERE accepted_at < $1', [o.historyFrom]);
    });
  }
}
