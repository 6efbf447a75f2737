import { describe, expect, it } from '@jest/globals';
import { PoisonRecordError, RegistryFault, StorageFault } from '@dits/contracts';
import type { DecodedEvent, DecodedRecord, IncomingRecord } from '@dits/kafka';
import type { ApplyResult, HistoryItem } from '@dits/persistence';
import { noTracing, createLogger, metricsRegistry } from '@dits/runtime';
import { recordBatch, type RecordDeps } from './record-batch.js';
import { RecorderMetrics } from './recorder-metrics.js';

const NOW = Date.UTC(2026, 10, 25, 12);

/** The value of a test's record is JSON of what it decodes to; other text is poison, and `?` a registry that is away. */
async function fakeDecode<T>(value: Buffer | null): Promise<T> {
  const text = String(value);
  if (text === '?') throw new RegistryFault('away');
  if (!text.startsWith('{')) throw new PoisonRecordError('not_avro', 'no magic byte');
  return JSON.parse(text) as T;
}

function aRecord(
  topic: 'events' | 'delivery-log',
  value: object | string,
  timestampMs = NOW - 50,
): IncomingRecord {
  return {
    topic: `t.dits.${topic}`,
    partition: 0,
    offset: 7n,
    key: null,
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    headers: {},
    timestampMs,
    lookback: false,
  };
}

const anEvent = (event_id = 'e1') => aRecord('events', { type: { event: 'push' }, event: { event_id } });
const anEntry = (name: string, delivery_id = 'd1') =>
  aRecord('delivery-log', { name, record: { delivery_id } });

function recorder(project: (records: IncomingRecord[]) => Partial<ApplyResult<IncomingRecord>> = () => ({})) {
  const projected: HistoryItem[] = [];
  const deadLetters: { record: IncomingRecord; error: PoisonRecordError }[] = [];
  const written: string[] = [];
  const deps: RecordDeps = {
    topics: { events: 't.dits.events' },
    decodeEvent: (value) => fakeDecode<DecodedEvent>(value),
    decodeLog: (value) => fakeDecode<DecodedRecord>(value),
    project: async (records, read) => {
      const items: HistoryItem[] = [];
      for (const record of records) {
        const item = await read(record);
        if (item) items.push(item);
      }
      projected.push(...items);
      return { refused: [], outOfRange: [], ...project(records) };
    },
    deadLetter: async (record, error) => void deadLetters.push({ record, error }),
    metrics: new RecorderMetrics(() => NOW),
    log: createLogger({
      name: 'test',
      level: 'info',
      destination: { write: (line) => void written.push(line) },
    }),
    tracing: noTracing,
    now: () => NOW,
  };
  const lines = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { deps, projected, deadLetters, lines };
}

const lagSeconds = async () => {
  const [value] = (await metricsRegistry.getSingleMetric('dits_recorder_lag_seconds')!.get()).values;
  return value!.value;
};

describe('recordBatch', () => {
  it('projects events with the time Kafka has of them, and entries of the log', async () => {
    const { deps, projected, lines } = recorder();
    await recordBatch([anEvent(), anEntry('routed'), anEntry('attempted'), anEntry('dead-lettered')], deps);
    expect(projected).toEqual([
      { event: 'push', acceptedAtMs: NOW - 50, record: { event_id: 'e1' } },
      { name: 'routed', record: { delivery_id: 'd1' } },
      { name: 'attempted', record: { delivery_id: 'd1' } },
      { name: 'dead-lettered', record: { delivery_id: 'd1' } },
    ]);
    expect(lines()).toMatchObject([
      {
        msg: 'history.recorded',
        level: 'info',
        event: 1,
        routed: 1,
        attempted: 1,
        dead_lettered: 1,
        lag_ms: 50,
      },
    ]);
  });

  it('puts an unreadable entry on the dead letters and stores the others', async () => {
    const { deps, projected, deadLetters } = recorder();
    const unreadable = aRecord('delivery-log', 'garbage');
    await recordBatch([anEntry('routed'), unreadable, anEntry('attempted')], deps);
    expect(projected).toHaveLength(2);
    expect(deadLetters).toMatchObject([{ record: unreadable, error: { reason: 'not_avro' } }]);
  });

  it('leaves an unreadable event to the router, which dead-letters it', async () => {
    const { deps, deadLetters, lines } = recorder();
    await recordBatch([aRecord('events', 'garbage'), anEvent()], deps);
    expect(deadLetters).toEqual([]);
    expect(lines()).toMatchObject([{ event: 1, unreadable_events: 1, dead_letters: 0 }]);
  });

  it.each(['delivery', 'webhook'])('puts a %s record on the log aside as of the wrong type', async (name) => {
    const { deps, deadLetters } = recorder();
    await recordBatch([anEntry(name)], deps);
    expect(deadLetters).toMatchObject([{ error: { reason: 'wrong_type' } }]);
  });

  it('puts records aside that the history refuses, and warns of those past their retention', async () => {
    const error = new PoisonRecordError('invalid_value', 'too long');
    const { deps, deadLetters, lines } = recorder(([refused, old]) => ({
      refused: [{ source: refused!, error }],
      outOfRange: [old!],
    }));
    const batch = [anEntry('routed', 'bad'), anEntry('attempted', 'old'), anEntry('cancelled', 'good')];
    await recordBatch(batch, deps);
    expect(deadLetters).toEqual([{ record: batch[0], error }]);
    expect(lines()).toMatchObject([{ level: 'warn', cancelled: 1, dead_letters: 1, out_of_range: 1 }]);
    expect(lines()[0]).not.toHaveProperty('routed');
  });

  it('rejects when the registry is away, having stored nothing', async () => {
    const { deps, projected } = recorder();
    await expect(recordBatch([anEntry('routed'), aRecord('delivery-log', '?')], deps)).rejects.toBeInstanceOf(
      RegistryFault,
    );
    expect(projected).toEqual([]);
  });

  it('rejects when a record can not be put aside', async () => {
    const { deps } = recorder();
    deps.deadLetter = () => Promise.reject(new Error('kafka'));
    await expect(recordBatch([aRecord('delivery-log', 'garbage')], deps)).rejects.toThrow('kafka');
  });

  it('shows a growing lag while the database refuses, and none when all is stored', async () => {
    let fail = true;
    const { deps } = recorder(() => {
      if (fail) throw new StorageFault('gone');
      return {};
    });
    const batch = [aRecord('delivery-log', { name: 'routed', record: {} }, NOW - 90_000), anEntry('routed')];
    await expect(recordBatch(batch, deps)).rejects.toBeInstanceOf(StorageFault);
    expect(await lagSeconds()).toBe(90);
    fail = false;
    await recordBatch(batch, deps);
    expect(await lagSeconds()).toBe(0);
  });
});
