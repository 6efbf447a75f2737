import { PoisonRecordError, type AnyEvent, type Attempted, type Routed } from '@dits/contracts';
import { acceptedAtMsOfDeliveryId, ownerLoginOf } from '@dits/domain';
import { deliveryChanges, mergeChanges, type DeliveryChange } from './delivery-state.js';
import type { LogEntry } from './log-entry.js';
import { storableBytes, storableText, storableTexts, storableTime } from './storable.js';

/** A record of `dits.events`, decoded. */
export interface ProjectedEvent {
  /** Event name. */
  event: string;
  /** Timestamp of the Kafka record. */
  acceptedAtMs: number;
  record: AnyEvent;
}

/** Anything that the history is made from. */
export type HistoryItem = ProjectedEvent | LogEntry;

/** A row as JSON, by the names of its columns. */
type Row = Record<string, unknown>;

/** A row of `event_bodies`, its times and ids as JSON, its bytes as they are. */
export interface BodyRow {
  event_id: string;
  accepted_at: string;
  body: Buffer;
}

/** The rows that one item brings to each table. */
export interface ItemRows {
  event?: Row;
  body?: BodyRow;
  deliveries: readonly DeliveryChange[];
  attempt?: Row;
  webhookDay?: Row;
}

/** Rows of each table, as a JSON array of objects that are named as its columns; empty: none. */
export interface HistoryTables {
  events: string;
  /** Their bytes are those from `first_byte` on in `bodyBytes`, counted from 1 as Postgres does. */
  bodies: string;
  bodyBytes: Buffer;
  deliveries: string;
  attempts: string;
  webhookDays: string;
}

/** When the event of an item was accepted, ms since 1970. */
export function acceptedAtMsOf(item: HistoryItem): number {
  return 'name' in item ? item.record.accepted_at_ms : item.acceptedAtMs;
}

/**
 * The rows of one item. Throws a {@link PoisonRecordError} when it contradicts itself, so that no row could hold it.
 */
export function rowsOf(item: HistoryItem, o: { withBody: boolean }): ItemRows {
  try {
    if (!isUuid(item.record.event_id)) throw new RangeError(`event_id ${item.record.event_id} is no UUID`);
    if (!('name' in item)) return { event: acceptedRow(item), deliveries: [] };
    const deliveries = deliveryChanges(item);
    for (const change of deliveries) {
      // Postgres would take other spellings of one id for one row, which the merge takes for two.
      if (!isUuid(change.deliveryId) || !isUuid(change.webhookId))
        throw new RangeError(`delivery ${change.deliveryId} of webhook ${change.webhookId}: no UUID`);
      // Whoever looks a delivery up takes its day from its id.
      if (acceptedAtMsOfDeliveryId(change.deliveryId) !== change.acceptedAtMs)
        throw new RangeError(`delivery ${change.deliveryId} was not accepted at ${change.acceptedAtMs}`);
    }
    switch (item.name) {
      case 'routed':
        return {
          event: routedRow(item.record),
          ...(o.withBody && { body: bodyRow(item.record) }),
          deliveries,
        };
      case 'attempted':
        return { deliveries, attempt: attemptRow(item.record), webhookDay: webhookDayRow(item.record) };
      default:
        return { deliveries };
    }
  } catch (cause) {
    throw new PoisonRecordError('invalid_value', (cause as Error).message, { cause });
  }
}

/**
 * Collects the rows of many items. A statement can't touch a row twice, so those of one key become one.
 *
 * A batch of thousands of records is in memory while the collector of garbage comes by, which copies what it finds: so there is no more
 * of an item than its rows need, and where these never merge with others, they are text at once.
 */
export class HistoryRows {
  private readonly events = new Map<string, Row>();
  private readonly bodies = new Map<string, BodyRow>();
  private readonly deliveries = new Map<string, DeliveryChange>();
  private readonly attempts = new Map<string, string>();
  private readonly webhookDays = new Map<string, Row>();
  private counted = { rows: 0, bodyBytes: 0 };

  /** Rows before those of one key became one, and bytes of bodies. */
  get size(): Readonly<{ rows: number; bodyBytes: number }> {
    return this.counted;
  }

  add(rows: ItemRows): void {
    const { event, body, deliveries, attempt, webhookDay } = rows;
    if (event) mergeInto(this.events, keyOf(event.event_id, event.accepted_at), event, mergeEvents);
    if (body) mergeInto(this.bodies, keyOf(body.event_id, body.accepted_at), body, (a) => a);
    for (const change of deliveries) mergeInto(this.deliveries, change.deliveryId, change, mergeChanges);
    if (attempt) {
      const key = keyOf(attempt.delivery_id, attempt.attempt, attempt.started_at);
      if (!this.attempts.has(key)) this.attempts.set(key, JSON.stringify(attempt));
    }
    if (webhookDay) {
      const key = keyOf(webhookDay.webhook_id, webhookDay.day);
      mergeInto(this.webhookDays, key, webhookDay, mergeDays);
    }
    const { rows: rowCount, bodyBytes } = sizeOf(rows);
    this.counted = { rows: this.counted.rows + rowCount, bodyBytes: this.counted.bodyBytes + bodyBytes };
  }

  /** All rows; none are left here. */
  take(): HistoryTables {
    const bodies = [...this.bodies.values()];
    const tables = {
      events: jsonOf([...this.events.values()]),
      bodies: jsonOf(placed(bodies)),
      bodyBytes: Buffer.concat(bodies.map(({ body }) => body)),
      deliveries: jsonOf(Array.from(this.deliveries.values(), deliveryRow)),
      attempts: this.attempts.size === 0 ? '' : `[${[...this.attempts.values()].join(',')}]`,
      webhookDays: jsonOf([...this.webhookDays.values()]),
    };
    for (const rows of [this.events, this.bodies, this.deliveries, this.attempts, this.webhookDays])
      rows.clear();
    this.counted = { rows: 0, bodyBytes: 0 };
    return tables;
  }
}

/** Rows that an item brings, and the bytes of its body. */
export function sizeOf({ event, body, deliveries, attempt }: ItemRows): { rows: number; bodyBytes: number } {
  return {
    rows: (event ? 1 : 0) + deliveries.length + (attempt ? 1 : 0),
    bodyBytes: body?.body.length ?? 0,
  };
}

function jsonOf(rows: object[]): string {
  return rows.length === 0 ? '' : JSON.stringify(rows);
}

/** Where the bytes of each body begin among those of all: hex digits within JSON would be read twice by either side. */
function placed(bodies: BodyRow[]): object[] {
  let end = 0;
  return bodies.map(({ event_id, accepted_at, body }) => {
    const start = end;
    end += body.length;
    return { event_id, accepted_at, first_byte: start + 1, bytes: body.length };
  });
}

/** A delivery's change as a row of `deliveries`. */
export function deliveryRow(change: DeliveryChange): Row {
  const { state, lastAttempt, trigger } = change;
  return {
    delivery_id: change.deliveryId,
    accepted_at: storableTime(change.acceptedAtMs),
    event_id: change.eventId,
    webhook_id: change.webhookId,
    event: storableText(change.event),
    repository_id: change.repositoryId,
    status: state.status,
    next_attempt_at: state.nextAttemptAt,
    failure_reason: storableOrNull(state.failureReason),
    completed_at: state.completedAt,
    updated_at: state.updatedAt,
    state_version: storableBytes(state.version),
    attempts: change.attempts,
    last_status_code: lastAttempt.statusCode,
    last_error_class: storableOrNull(lastAttempt.errorClass),
    last_outcome: lastAttempt.outcome,
    attempt_version: storableBytes(lastAttempt.version),
    trigger: trigger.trigger,
    trigger_version: storableBytes(trigger.version),
    deferrals: change.deferrals,
    redelivered_at: storableTime(change.redeliveredAtMs),
  };
}

function acceptedRow({ event, acceptedAtMs, record }: ProjectedEvent): Row {
  return {
    event_id: record.event_id.toLowerCase(),
    accepted_at: storableTime(acceptedAtMs),
    event: storableText(event),
    repository_id: record.repository.id,
    repository_full_name: storableText(record.repository.full_name),
    owner_login: storableText(ownerLoginOf(record)),
    ref: typeof record.ref === 'string' ? storableText(record.ref) : null,
    routed_at: null,
    delivery_count: null,
    trigger: null,
  };
}

function routedRow(record: Routed): Row {
  return {
    event_id: record.event_id.toLowerCase(),
    accepted_at: storableTime(record.accepted_at_ms),
    event: storableText(record.event),
    repository_id: record.repository_id ?? null,
    repository_full_name: storableOrNull(record.repository_full_name),
    owner_login: null,
    ref: null,
    routed_at: storableTime(record.routed_at_ms),
    delivery_count: record.deliveries.length,
    trigger: record.trigger,
  };
}

// What both know is the same; what one knows is taken from it. Of two routings the first counts.
function mergeEvents(a: Row, b: Row): Row {
  const known = (column: string) => a[column] ?? b[column];
  const first = routing(a) <= routing(b) ? a : b;
  return {
    ...a,
    repository_id: known('repository_id'),
    repository_full_name: known('repository_full_name'),
    owner_login: known('owner_login'),
    ref: known('ref'),
    routed_at: first.routed_at,
    delivery_count: first.delivery_count,
    trigger: first.trigger,
  };
}

// As `firstRouting` in history-projection.ts compares them.
function routing(row: Row): string {
  if (row.routed_at === null) return '~';
  return [row.routed_at, String(row.delivery_count).padStart(10, '0'), row.trigger].join(' ');
}

function bodyRow({ event_id, accepted_at_ms, body }: Routed): BodyRow {
  return {
    event_id: event_id.toLowerCase(),
    accepted_at: storableTime(accepted_at_ms),
    body,
  };
}

function attemptRow(record: Attempted): Row {
  return {
    delivery_id: record.delivery_id,
    accepted_at: storableTime(record.accepted_at_ms),
    attempt: record.attempt,
    started_at: storableTime(record.started_at_ms),
    schedule_attempt: record.schedule_attempt,
    trigger: record.trigger,
    duration_ms: record.duration_ms,
    outcome: record.outcome,
    status_code: record.status_code ?? null,
    error_class: storableOrNull(record.error_class),
    error_phase: storableOrNull(record.error_phase),
    error_message: storableOrNull(record.error_message),
    phases_ms: record.phases_ms,
    remote_address: storableOrNull(record.remote_address),
    url: storableText(record.url),
    request_headers: storableTexts(record.request_headers),
    response_headers: storableTexts(record.response_headers),
    response_body: record.response_body ? storableBytes(record.response_body.toString('hex')) : null,
    response_truncated: record.response_truncated,
    next_step: record.next_step,
    next_attempt_at: storableTime(record.next_attempt_at_ms ?? null),
    failure_reason: storableOrNull(record.failure_reason),
  };
}

/** How an attempt of a webhook went, as its day has it. Times are when it began: what the webhook was like then. */
function webhookDayRow({ webhook_id, started_at_ms, outcome, failure_reason }: Attempted): Row {
  const at = storableTime(started_at_ms);
  const isDelivered = outcome === 'delivered';
  return {
    webhook_id: webhook_id.toLowerCase(),
    day: at.slice(0, 10),
    last_delivered_at: isDelivered ? at : null,
    first_failed_at: isDelivered ? null : at,
    last_failed_at: isDelivered ? null : at,
    last_gone_at: failure_reason === 'gone' ? at : null,
  };
}

function mergeDays(a: Row, b: Row): Row {
  // Times of one form: their texts compare as they do.
  const of = (column: string, isLater: boolean) => {
    const [x, y] = [a[column] as string | null, b[column] as string | null];
    return x === null || y === null ? (x ?? y) : x > y === isLater ? x : y;
  };
  return {
    ...a,
    last_delivered_at: of('last_delivered_at', true),
    first_failed_at: of('first_failed_at', false),
    last_failed_at: of('last_failed_at', true),
    last_gone_at: of('last_gone_at', true),
  };
}

function mergeInto<T>(rows: Map<string, T>, key: string, row: T, merge: (a: T, b: T) => T): void {
  const other = rows.get(key);
  rows.set(key, other === undefined ? row : merge(other, row));
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isUuid(text: string): boolean {
  return UUID.test(text);
}

function keyOf(...parts: unknown[]): string {
  return parts.join(' ').toLowerCase();
}

function storableOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : storableText(text);
}
