import type { Database } from './database.js';
import { storing, type Transaction } from './storing.js';

/** A finished Kafka record. */
export interface OutboxRecord {
  topic: string;
  key: Buffer | null;
  /** Null: a tombstone. */
  value: Buffer | null;
  headers?: Record<string, string | Buffer>;
}

/** What waits in the outbox. */
export interface OutboxSize {
  rows: number;
  /** Age of the oldest row in seconds; 0 when empty. */
  oldestSeconds: number;
}

interface Row {
  id: number;
  topic: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string | { base64: string }>;
}

// Any fixed number; every relay asks for the same.
const RELAY_LOCK = 0x6f757462;

/**
 * Records that must reach Kafka because a transaction was committed, and only then.
 *
 * Rows of one key are in the order of their commits when whoever writes them holds a lock on what the key names
 * (`WebhookStore.lock`).
 */
export class Outbox {
  constructor(private readonly database: Database) {}

  /** Adds records, in this order, as part of the transaction. */
  async append(tx: Transaction, records: OutboxRecord[]): Promise<void> {
    if (records.length === 0) return;
    await storing('writing the outbox', () =>
      tx.query(
        `INSERT INTO outbox (topic, key, value, headers)
         SELECT topic, key, value, headers
         FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::jsonb[]) WITH ORDINALITY
           AS given (topic, key, value, headers, place)
         ORDER BY place`,
        [
          records.map(({ topic }) => topic),
          records.map(({ key }) => key),
          records.map(({ value }) => value),
          records.map(({ headers }) => JSON.stringify(storedHeaders(headers ?? {}))),
        ],
      ),
    );
  }

  /**
   * Publishes the oldest rows, at most `limit`, in order of their ids, then deletes them; returns how many.
   *
   * One relay at a time, others wait. Rows whose deletion is not committed (a crash, a lost connection) are published
   * again: repeated, never lost. `publish` must settle only when the fate of the records is known: one that gives up
   * early could let an old record land after a newer one.
   */
  async relay(limit: number, publish: (records: OutboxRecord[]) => Promise<void>): Promise<number> {
    return storing('relaying the outbox', () =>
      this.database.transaction(async (tx) => {
        // While Kafka is away the transaction idles inside `publish`; it must outlast the producer's retries.
        await tx.query(`SET LOCAL idle_in_transaction_session_timeout = '5min'`);
        await tx.query('SELECT pg_advisory_xact_lock($1)', [RELAY_LOCK]);
        // A statement of its own after the lock: its snapshot sees everything committed until now.
        const rows = await tx.query<Row[]>(
          'SELECT id, topic, key, value, headers FROM outbox ORDER BY id LIMIT $1',
          [limit],
        );
        if (rows.length === 0) return 0;
        await publish(
          rows.map(({ topic, key, value, headers }) => ({ topic, key, value, headers: headersOf(headers) })),
        );
        await tx.query('DELETE FROM outbox WHERE id = ANY($1::bigint[])', [rows.map(({ id }) => id)]);
        return rows.length;
      }),
    );
  }

  /** Id of the newest row that waits; null when none does. */
  async newestId(): Promise<number | null> {
    return storing('reading the outbox', async () => {
      const [row] = await this.database.query<{ id: number | null }[]>('SELECT max(id) AS id FROM outbox');
      return row!.id;
    });
  }

  /** How many rows up to this one wait still. */
  async waitingUpTo(id: number): Promise<number> {
    return storing('reading the outbox', async () => {
      const [row] = await this.database.query<{ rows: number }[]>(
        'SELECT count(*)::int AS rows FROM outbox WHERE id <= $1',
        [id],
      );
      return row!.rows;
    });
  }

  /** How much waits, and for how long. */
  async size(): Promise<OutboxSize> {
    return storing('reading the outbox', async () => {
      const [row] = await this.database.query<OutboxSize[]>(
        `SELECT count(*)::int AS rows,
                coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS "oldestSeconds"
         FROM outbox`,
      );
      return row!;
    });
  }
}

// JSON has no bytes, and a header need not be text.
function storedHeaders(headers: Record<string, string | Buffer>): Row['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : { base64: value.toString('base64') },
    ]),
  );
}

function headersOf(stored: Row['headers']): Record<string, string | Buffer> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : Buffer.from(value.base64, 'base64'),
    ]),
  );
}
