import { PoisonRecordError, type TopicNames } from '@dits/contracts';
import type { DecodedEvent, DecodedRecord, IncomingRecord } from '@dits/kafka';
import type { ApplyResult, HistoryItem, LogEntry, ProjectedEvent } from '@dits/persistence';
import { endWith, traceContextOf, type Logger, type Tracing } from '@dits/runtime';
import type { RecorderMetrics } from './recorder-metrics.js';

/** What recording a batch needs. */
export interface RecordDeps {
  topics: Pick<TopicNames, 'events'>;
  decodeEvent: (value: Buffer | null) => Promise<DecodedEvent>;
  decodeLog: (value: Buffer | null) => Promise<DecodedRecord>;
  /** Stores all that can be stored, durably. */
  project: (batch: { events: ProjectedEvent[]; log: LogEntry[] }) => Promise<ApplyResult>;
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

  const decoded = await Promise.all(records.map((record) => decode(record, deps)));
  const sources = new Map<HistoryItem, IncomingRecord>();
  const toDeadLetter: { record: IncomingRecord; error: PoisonRecordError }[] = [];
  let unreadableEvents = 0;
  for (const { record, item, error } of decoded) {
    if (item) sources.set(item, record);
    // The router has put it on the dead letters already.
    else if (record.topic === deps.topics.events) unreadableEvents++;
    else toDeadLetter.push({ record, error });
  }

  const items = [...sources.keys()];
  const { refused, outOfRange } = await deps.project({
    events: items.filter((item): item is ProjectedEvent => !isLogEntry(item)),
    log: items.filter(isLogEntry),
  });
  for (const { item, error } of refused) toDeadLetter.push({ record: sources.get(item)!, error });
  await Promise.all(toDeadLetter.map(({ record, error }) => deps.deadLetter(record, error)));

  const left = new Set([...refused.map(({ item }) => item), ...outOfRange]);
  const stored = countKinds(items.filter((item) => !left.has(item)));
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

type Decoded =
  | { record: IncomingRecord; item: HistoryItem; error?: never }
  | { record: IncomingRecord; item?: never; error: PoisonRecordError };

async function decode(record: IncomingRecord, deps: RecordDeps): Promise<Decoded> {
  try {
    if (record.topic === deps.topics.events) {
      const { type, event } = await deps.decodeEvent(record.value);
      return { record, item: { event: type.event, acceptedAtMs: record.timestampMs, record: event } };
    }
    return { record, item: logEntryOf(await deps.decodeLog(record.value)) };
  } catch (error) {
    if (!(error instanceof PoisonRecordError)) throw error;
    return { record, error };
  }
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

function isLogEntry(item: HistoryItem): item is LogEntry {
  return 'name' in item;
}

function countKinds(items: HistoryItem[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) {
    const kind = isLogEntry(item) ? item.name.replace('-', '_') : 'event';
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
