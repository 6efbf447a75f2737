import { PoisonRecordError, StorageFault } from '@dits/contracts';
import { QueryFailedError } from 'typeorm';
import type { Database } from '../database.js';
import {
  acceptedAtMsOf,
  HistoryRows,
  rowsOf,
  sizeOf,
  type HistoryItem,
  type HistoryTables,
  type ItemRows,
} from './history-rows.js';
import { dayOf, type HistoryPartitions } from './partitions.js';

/** What can't be stored though the database is well: its like will never be, so it must be put aside. */
export interface Refused<S> {
  source: S;
  error: PoisonRecordError;
}

/** What {@link HistoryProjection.apply} did not store. */
export interface ApplyResult<S> {
  refused: Refused<S>[];
  /** Of a day past its retention or too far ahead; their like is not kept. */
  outOfRange: S[];
}

/** Reads what a source has, whenever it is asked; null: nothing for the history. */
export type ReadItem<S> = (source: S) => HistoryItem | null | Promise<HistoryItem | null>;

/** What is stored in one transaction. */
interface Part<S> {
  sources: S[];
  rows: HistoryRows;
  /** A time of each day. */
  days: Map<number, number>;
}

// One transaction holds no more than this, unless one item alone does: an event may have thousands of deliveries or a
// body of 100 kB, and a statement must stay well within its time limit. Rows are counted before those of one key become one; a
// batch of 3,000 records has 5,000 to 7,000.
const MAX_ROWS = 15_000;
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Writes the history from `dits.events` and `dits.delivery-log`.
 *
 * The rows depend on the items and on nothing else: not on their order, on how they are split into batches, on repeats, or on
 * other projections at work on the same database.
 */
export class HistoryProjection {
  constructor(private readonly o: { database: Database; partitions: HistoryPartitions }) {}

  /**
   * Stores what the sources have; all but what it returns is durable when it resolves. Each is read one after the other, and read again
   * should the database refuse a row: so that no more of them is kept than their rows.
   *
   * Throws {@link StorageFault} when the database fails, and what `read` throws; a part may be stored then, and all are to be
   * given again.
   */
  async apply<S>(sources: readonly S[], read: ReadItem<S>): Promise<ApplyResult<S>> {
    const result: ApplyResult<S> = { refused: [], outOfRange: [] };
    await this.applyTo(result, sources, read);
    return result;
  }

  private async applyTo<S>(result: ApplyResult<S>, sources: readonly S[], read: ReadItem<S>): Promise<void> {
    let part = emptyPart<S>();
    for (const source of sources) {
      const item = await read(source);
      if (item === null) continue;
      const rows = this.rowsFor(item, source, result);
      if (rows === null) continue;
      if (isFull(part, rows)) {
        await this.store(result, part, read);
        part = emptyPart();
      }
      add(part, { source, rows, acceptedAtMs: acceptedAtMsOf(item) });
    }
    if (part.sources.length > 0) await this.store(result, part, read);
  }

  /** Null for an item that is not stored; then it is noted in `result`. */
  private rowsFor<S>(item: HistoryItem, source: S, result: ApplyResult<S>): ItemRows | null {
    const { partitions } = this.o;
    const acceptedAtMs = acceptedAtMsOf(item);
    if (!partitions.keepsHistory(acceptedAtMs)) {
      result.outOfRange.push(source);
      return null;
    }
    try {
      return rowsOf(item, { withBody: partitions.keepsBody(acceptedAtMs) });
    } catch (error) {
      if (!(error instanceof PoisonRecordError)) throw error;
      result.refused.push({ source, error });
      return null;
    }
  }

  /** Stores all in one transaction; when the database refuses a row, each half by itself, down to the item that brings it. */
  private async store<S>(result: ApplyResult<S>, part: Part<S>, read: ReadItem<S>): Promise<void> {
    const { sources, rows, days } = part;
    await this.o.partitions.ensureFor(days.values());
    try {
      await this.storeAtOnce(rows.take());
    } catch (cause) {
      if (!isAboutARow(cause)) {
        // A partition may have been dropped by another process: ask anew next time.
        this.o.partitions.forget();
        throw new StorageFault('history not stored', { cause });
      }
      if (sources.length === 1) {
        const error = new PoisonRecordError('invalid_value', cause.message, { cause });
        result.refused.push({ source: sources[0]!, error });
        return;
      }
      const middle = sources.length >> 1;
      await this.applyTo(result, sources.slice(0, middle), read);
      await this.applyTo(result, sources.slice(middle), read);
    }
  }

  private async storeAtOnce(tables: HistoryTables): Promise<void> {
    const statements: [sql: string, rows: string, bytes?: Buffer][] = [
      [UPSERT_EVENTS, tables.events],
      [INSERT_BODIES, tables.bodies, tables.bodyBytes],
      [UPSERT_DELIVERIES, tables.deliveries],
      [INSERT_ATTEMPTS, tables.attempts],
      [UPSERT_WEBHOOK_DAYS, tables.webhookDays],
    ];
    await this.o.database.transaction(async (tx) => {
      for (const [sql, rows, bytes] of statements) {
        if (rows !== '') await tx.query(sql, [rows, ...(bytes ? [bytes] : [])]);
      }
    });
  }
}

function emptyPart<S>(): Part<S> {
  return { sources: [], rows: new HistoryRows(), days: new Map() };
}

function isFull<S>({ sources, rows: { size } }: Part<S>, more: ItemRows): boolean {
  const added = sizeOf(more);
  return (
    sources.length > 0 &&
    (size.rows + added.rows > MAX_ROWS || size.bodyBytes + added.bodyBytes > MAX_BODY_BYTES)
  );
}

function add<S>(part: Part<S>, o: { source: S; rows: ItemRows; acceptedAtMs: number }): void {
  part.sources.push(o.source);
  part.rows.add(o.rows);
  part.days.set(dayOf(o.acceptedAtMs), o.acceptedAtMs);
}

// SQLSTATE classes: 22 data exception, 23 integrity constraint violation, 54 program limit exceeded (a value too long for an index).
const ABOUT_A_ROW = /^(22|23|54)/;

function isAboutARow(error: unknown): error is QueryFailedError {
  if (!(error instanceof QueryFailedError)) return false;
  const { code, constraint } = error.driverError as { code?: string; constraint?: string };
  // 23514 with no constraint's name: there is no partition for the row.
  if (code === '23514' && constraint === undefined) return false;
  return code !== undefined && ABOUT_A_ROW.test(code);
}

// Two recorders at work on the same rows lock them in the same order: tables as in storeAtOnce, rows by their key.
// Otherwise each could wait for the other.
function insert(o: { table: string; columns: string; orderBy: string; onConflict: string }): string {
  const names = o.columns
    .split(',')
    .map((column) => column.trim().split(' ')[0])
    .join(', ');
  return `INSERT INTO ${o.table} AS stored (${names})
    SELECT ${names} FROM json_to_recordset($1::json) AS given (${o.columns}) ORDER BY ${o.orderBy}
    ON CONFLICT (${o.orderBy}) ${o.onConflict}`;
}

// Never null: that of a row without a routing is later than all.
const firstRouting = (row: string) =>
  `(coalesce(${row}.routed_at, 'infinity'), coalesce(${row}.delivery_count, 0), coalesce(${row}.trigger, ''))`;
const FIRST = `${firstRouting('excluded')} < ${firstRouting('stored')}`;

const UPSERT_EVENTS = insert({
  table: 'events',
  columns: `event_id uuid, accepted_at timestamptz, event text, repository_id bigint, repository_full_name text,
    owner_login text, ref text, routed_at timestamptz, delivery_count int, trigger text`,
  orderBy: 'event_id, accepted_at',
  onConflict: `DO UPDATE SET
      ${['repository_id', 'repository_full_name', 'owner_login', 'ref'].map(keepKnown).join(', ')},
      ${['routed_at', 'delivery_count', 'trigger'].map((column) => takeWhen(FIRST, column)).join(', ')}
    WHERE ${FIRST} OR (stored.owner_login IS NULL AND excluded.owner_login IS NOT NULL)`,
});

const INSERT_BODIES = `INSERT INTO event_bodies (event_id, accepted_at, body)
    SELECT event_id, accepted_at, substring($2::bytea FROM first_byte FOR bytes)
    FROM json_to_recordset($1::json) AS given (event_id uuid, accepted_at timestamptz, first_byte int, bytes int)
    ORDER BY event_id, accepted_at
    ON CONFLICT (event_id, accepted_at) DO NOTHING`;

const newer = (version: string) => `excluded.${version} > stored.${version}`;
const takeNewer = (version: string, columns: string[]) =>
  [...columns, version].map((column) => takeWhen(newer(version), column)).join(', ');

/** Brings deliveries, as JSON of `deliveryRow`, into their table. */
export const UPSERT_DELIVERIES = insert({
  table: 'deliveries',
  columns: `delivery_id uuid, accepted_at timestamptz, event_id uuid, webhook_id uuid, event text, repository_id bigint,
    status text, next_attempt_at timestamptz, failure_reason text, completed_at timestamptz, updated_at timestamptz,
    state_version bytea, attempts int, last_status_code int, last_error_class text, last_outcome text,
    attempt_version bytea, trigger text, trigger_version bytea, deferrals int, redelivered_at timestamptz`,
  orderBy: 'delivery_id, accepted_at',
  onConflict: `DO UPDATE SET
      ${keepKnown('repository_id')},
      ${['deferrals', 'attempts', 'redelivered_at'].map(takeGreatest).join(', ')},
      ${takeNewer('state_version', ['status', 'next_attempt_at', 'failure_reason', 'completed_at', 'updated_at'])},
      ${takeNewer('attempt_version', ['last_status_code', 'last_error_class', 'last_outcome'])},
      ${takeNewer('trigger_version', ['trigger'])}
    WHERE ${newer('state_version')} OR ${newer('attempt_version')} OR ${newer('trigger_version')}
      OR excluded.deferrals > stored.deferrals OR excluded.attempts > stored.attempts
      OR (stored.repository_id IS NULL AND excluded.repository_id IS NOT NULL)`,
});

const INSERT_ATTEMPTS = insert({
  table: 'attempts',
  columns: `delivery_id uuid, accepted_at timestamptz, attempt int, started_at timestamptz, schedule_attempt int,
    trigger text, duration_ms double precision, outcome text, status_code int, error_class text, error_phase text,
    error_message text, phases_ms jsonb, remote_address text, url text, request_headers jsonb, response_headers jsonb,
    response_body bytea, response_truncated boolean, next_step text, next_attempt_at timestamptz, failure_reason text`,
  orderBy: 'delivery_id, attempt, started_at, accepted_at',
  onConflict: 'DO NOTHING',
});

const LATEST = ['last_delivered_at', 'last_failed_at', 'last_gone_at'];

const UPSERT_WEBHOOK_DAYS = insert({
  table: 'webhook_days',
  columns: `webhook_id uuid, day date, last_delivered_at timestamptz, first_failed_at timestamptz,
    last_failed_at timestamptz, last_gone_at timestamptz`,
  orderBy: 'webhook_id, day',
  onConflict: `DO UPDATE SET ${LATEST.map(takeGreatest).join(', ')},
      first_failed_at = least(stored.first_failed_at, excluded.first_failed_at)`,
});

function keepKnown(column: string): string {
  return `${column} = coalesce(stored.${column}, excluded.${column})`;
}

// A null is less than all.
function takeGreatest(column: string): string {
  return `${column} = greatest(stored.${column}, excluded.${column})`;
}

function takeWhen(condition: string, column: string): string {
  return `${column} = CASE WHEN ${condition} THEN excluded.${column} ELSE stored.${column} END`;
}
