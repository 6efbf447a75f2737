import { PoisonRecordError, ROUTE_AGAIN_HEADER, type TopicNames } from '@dits/contracts';
import type { DecodedEvent, IncomingRecord, OutgoingRecord } from '@dits/kafka';
import type { UnroutedEvent } from '@dits/persistence';
import type { Logger } from '@dits/runtime';
import type { AuditMetrics } from './audit-metrics.js';

/** What putting events back needs. */
export interface PutBackEventDeps {
  /** Reads `dits.events` from that time on, to its end or until the signal aborts. */
  readEvents: (o: {
    sinceMs: number;
    handle(batch: IncomingRecord[]): Promise<void>;
    signal: AbortSignal;
  }) => Promise<void>;
  decodeEvent: (value: Buffer | null) => Promise<DecodedEvent>;
  /** Resolves when it is durable. */
  send: (record: OutgoingRecord) => Promise<void>;
  /** Notes it down, so that it is not put back a second time. */
  note: (event: UnroutedEvent) => Promise<void>;
  topics: Pick<TopicNames, 'events'>;
  metrics: AuditMetrics;
  log: Pick<Logger, 'warn' | 'error'>;
  now: () => number;
  signal: AbortSignal;
}

/**
 * Puts events that were never routed on `dits.events` once more: key, value, headers and time as they were, so that ids
 * and history stay the same, with a header by which the router does not take them for repeats.
 *
 * One that Kafka no longer has can't be made good; its producer has to send it again. Each is dealt with once.
 */
export async function putBackEvents(events: UnroutedEvent[], deps: PutBackEventDeps): Promise<void> {
  const { metrics, log, now } = deps;
  const found = await findRecords(events, deps);
  if (deps.signal.aborted) return;
  for (const event of events) {
    const record = found.get(keyOf(event.eventId, event.acceptedAt.getTime()));
    const line = {
      event_id: event.eventId,
      event: event.event,
      repository_id: event.repositoryId,
      accepted_at: event.acceptedAt.toISOString(),
      overdue_ms: now() - event.acceptedAt.getTime(),
    };
    if (record) {
      const { key, value, headers, timestampMs } = record;
      await deps.send({
        topic: deps.topics.events,
        key,
        value,
        headers: { ...headers, [ROUTE_AGAIN_HEADER]: '1' },
        timestampMs,
      });
    }
    await deps.note(event);
    metrics.found(record ? 'event_put_back' : 'event_gone');
    if (record) log.warn(line, 'audit.event_put_back');
    else log.error(line, 'audit.event_gone');
  }
}

async function findRecords(
  events: UnroutedEvent[],
  { readEvents, decodeEvent, signal }: PutBackEventDeps,
): Promise<Map<string, IncomingRecord>> {
  const times = new Set(events.map(({ acceptedAt }) => acceptedAt.getTime()));
  const wanted = new Set(events.map(({ eventId, acceptedAt }) => keyOf(eventId, acceptedAt.getTime())));
  const found = new Map<string, IncomingRecord>();
  const allFound = new AbortController();
  await readEvents({
    sinceMs: Math.min(...times),
    signal: AbortSignal.any([signal, allFound.signal]),
    handle: async (batch) => {
      for (const record of batch) {
        if (!times.has(record.timestampMs)) continue;
        try {
          const { event } = await decodeEvent(record.value);
          const key = keyOf(event.event_id, record.timestampMs);
          if (wanted.has(key)) found.set(key, record);
        } catch (error) {
          // Another one of the same millisecond; the router has put it aside.
          if (!(error instanceof PoisonRecordError)) throw error;
        }
      }
      if (found.size === wanted.size) allFound.abort();
    },
  });
  return found;
}

function keyOf(eventId: string, acceptedAtMs: number): string {
  return `${eventId.toLowerCase()} ${acceptedAtMs}`;
}
