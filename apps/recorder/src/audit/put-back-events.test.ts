import {
  PoisonRecordError,
  ROUTE_AGAIN_HEADER,
  topicNames,
  type AnyEvent,
  type EventType,
} from '@dits/contracts';
import type { IncomingRecord, OutgoingRecord } from '@dits/kafka';
import type { UnroutedEvent } from '@dits/persistence';
import { describe, expect, it } from '@jest/globals';
import { AuditMetrics } from './audit-metrics.js';
import { putBackEvents, type PutBackEventDeps } from './put-back-events.js';

const ACCEPTED_MS = Date.UTC(2026, 10, 25, 9);
const topics = topicNames();

function aRecord(eventId: string, timestampMs = ACCEPTED_MS): IncomingRecord {
  return {
    topic: topics.events,
    partition: 0,
    offset: 7n,
    key: Buffer.from('123'),
    value: Buffer.from(eventId),
    headers: { traceparent: Buffer.from('00-1-2-01') },
    timestampMs,
    lookback: false,
  };
}
const unrouted = (eventId: string): UnroutedEvent => ({
  eventId,
  acceptedAt: new Date(ACCEPTED_MS),
  event: 'push',
  repositoryId: 123,
});

/** Puts the events back from a topic of these batches; what was done, in order. */
async function putBack(
  events: UnroutedEvent[],
  batches: IncomingRecord[][],
  change: Partial<PutBackEventDeps> = {},
) {
  const did: string[] = [];
  const sent: OutgoingRecord[] = [];
  const deps: PutBackEventDeps = {
    readEvents: async ({ sinceMs, handle, signal }) => {
      did.push(`read since ${sinceMs - ACCEPTED_MS}`);
      for (const batch of batches) {
        if (signal.aborted) return;
        await handle(batch);
        did.push(`read ${batch.length}`);
      }
    },
    decodeEvent: async (value) => {
      if (String(value) === 'garbage') throw new PoisonRecordError('not_avro', 'no header');
      return { type: {} as EventType, event: { event_id: String(value) } as AnyEvent };
    },
    send: async (record) => {
      sent.push(record);
      did.push(`send ${String(record.value)}`);
    },
    note: async ({ eventId }) => void did.push(`note ${eventId}`),
    topics,
    metrics: new AuditMetrics(),
    log: {
      warn: (_: unknown, message?: string) => void did.push(`warn ${message}`),
      error: (_: unknown, message?: string) => void did.push(`error ${message}`),
    },
    now: () => ACCEPTED_MS + 3_600_000,
    signal: new AbortController().signal,
    ...change,
  };
  await putBackEvents(events, deps);
  return { did, sent };
}

describe('putBackEvents', () => {
  it('produces what is found as it was, with its time, and notes it only then; and reads no further', async () => {
    const { did, sent } = await putBack(
      [unrouted('e1')],
      [
        [aRecord('garbage'), aRecord('other'), aRecord('e1', ACCEPTED_MS + 1)],
        [aRecord('e1')],
        [aRecord('e9')],
      ],
    );
    expect(did).toEqual([
      'read since 0',
      'read 3',
      'read 1',
      'send e1',
      'note e1',
      'warn audit.event_put_back',
    ]);
    const { key, value, headers, timestampMs } = aRecord('e1');
    expect(sent).toEqual([
      { topic: topics.events, key, value, headers: { ...headers, [ROUTE_AGAIN_HEADER]: '1' }, timestampMs },
    ]);
  });

  it('tells once of what Kafka no longer has', async () => {
    const { did, sent } = await putBack([unrouted('e1')], [[aRecord('other')]]);
    expect(did).toEqual(['read since 0', 'read 1', 'note e1', 'error audit.event_gone']);
    expect(sent).toEqual([]);
  });

  it('does not note what could not be produced', async () => {
    const notes: string[] = [];
    const failed = putBack([unrouted('e1')], [[aRecord('e1')]], {
      send: () => Promise.reject(new Error('away')),
      note: async ({ eventId }) => void notes.push(eventId),
    });
    await expect(failed).rejects.toThrow('away');
    expect(notes).toEqual([]);
  });

  it('judges nothing when it was broken off', async () => {
    const ending = new AbortController();
    const { did } = await putBack([unrouted('e1')], [], {
      readEvents: async () => ending.abort(),
      signal: ending.signal,
    });
    expect(did).toEqual([]);
  });
});
