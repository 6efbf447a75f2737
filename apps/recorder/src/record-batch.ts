import { PoisonRecordError, type TopicNames } from '@dits/contracts';
import type { DecodedEvent, DecodedRecord, IncomingRecord } from '@dits/kafka';
import type { ApplyResult, HistoryItem, LogEntry, ReadItem, Refused } from '@dits/persistence';
import { endWith, traceContextOf, type Logger, type Tracing } from '@dits/runtime';
import type { RecorderMetrics } from './recorder-metrics.js';

/** What recording a batch needs. */
export interface RecordDeps {
  topics: Pick<TopicNames, 'events'>;
  decodeEvent: (value: Buffer | null) => Promise<DecodedEvent>;
  decodeLog: (value: Buffer | null) => Promise<DecodedRecord>;
  /** Stores all that can be stored, durably. */
  project: (
    records: IncomingRecord[],
    read: ReadItem<IncomingRecord>,
  ) => Promise<ApplyResult<IncomingRecord>>;
  /** Puts a record on the dead letters, durably. */
  deadLetter: (record: IncomingRecord, error: PoisonRecordError) => Promise<void>;
  metrics: RecorderMetrics;
  tracing: Tracing;
  log: Logger;
  now: () => number;
}

/**
 * Brings a batch of `dits.events` and `dits.delivery-log` into the history. Resolves when every record is stored, or on the dead
 * letters, or known not to belong there; a rejection means that the whole batch must come again, which changes nothing.
 */
export async function recordBatch(records: IncomingRecord[], deps: RecordDeps): Promise<void> {
  // One span for all: it belongs to no single trace, so it links to each.
  const span = deps.tracing.span('record batch', {
    kind: 'consumer',
    links: () => records.flatMap(({ headers }) => traceContextOf(headers) ?? []),
    attributes: () => ({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'record',
      'messaging.operation.type': 'process',
      'messaging.batch.message_count': records.length,
    }),
  });
  await endWith(span, record(records, deps));
}

async function record(records: IncomingRecord[], deps: RecordDeps): Promise<void> {
  const { metrics, log, now } = deps;
  const startedAtMs = now();
  const oldestMs = Math.min(...records.map((record) => record.timestampMs));
  metrics.taken(oldestMs);

  /** What each record was. */
  const kinds = new Map<IncomingRecord, string>();
  const unreadable: Refused<IncomingRecord>[] = [];
  const { refused, outOfRange } = await deps.project(records, async (record) => {
    try {
      const item = await decode(record, deps);
      kinds.set(record, kindOf(item));
      return item;
    } catch (error) {
      if (!(error instanceof PoisonRecordError)) throw error;
      unreadable.push({ source: record, error });
      return null;
    }
  });
  // The router has put an event that nobody can read on the dead letters already.
  const toDeadLetter = [
    ...unreadable.filter(({ source }) => source.topic !== deps.topics.events),
    ...refused,
  ];
  const unreadableEvents = unreadable.length + refused.length - toDeadLetter.length;
  await Promise.all(toDeadLetter.map(({ source, error }) => deps.deadLetter(source, error)));

  for (const { source } of refused) kinds.delete(source);
  for (const source of outOfRange) kinds.delete(source);
  const stored = countEach(kinds.values());
  metrics.recorded({ stored, unreadableEvents, outOfRange: outOfRange.length });
  const line = {
    records: records.length,
    ...stored,
    unreadable_events: unreadableEvents,
    dead_letters: toDeadLetter.length,
    out_of_range: outOfRange.length,
    lag_ms: now() - oldestMs,
    duration_ms: now() - startedAtMs,
  };
  if (outOfRange.length > 0) log.warn(line, 'history.recorded');
  else log.info(line, 'history.recorded');
}

async function decode(record: IncomingRecord, deps: RecordDeps): Promise<HistoryItem> {
  if (record.topic !== deps.topics.events) return logEntryOf(await deps.decodeLog(record.value));
  const { type, event } = await deps.decodeEvent(record.value);
  return { event: type.event, acceptedAtMs: record.timestampMs, record: event };
}

function logEntryOf(decoded: DecodedRecord): LogEntry {
  switch (decoded.name) {
    case 'routed':
    case 'attempted':
    case 'deferred':
    case 'dead-lettered':
    case 'cancelled':
      return decoded;
    case 'delivery':
    case 'redelivery':
    case 'webhook':
      throw new PoisonRecordError(
        'wrong_type',
        `a ${decoded.name} record does not belong on the delivery log`,
      );
    default:
      throw new Error(`unknown record ${(decoded satisfies never as DecodedRecord).name}`);
  }
}

function kindOf(item: HistoryItem): string {
  return 'name' in item ? item.name.replace('-', '_') : 'event';
}

function countEach(kinds: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
