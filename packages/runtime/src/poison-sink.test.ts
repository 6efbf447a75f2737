import { KafkaFault, PoisonRecordError } from '@dits/contracts';
import type { IncomingRecord, OutgoingRecord } from '@dits/kafka';
import { describe, expect, it } from '@jest/globals';
import { metricsRegistry } from './metrics.js';
import { PoisonSink } from './poison-sink.js';
import { linesLog } from './testing.js';

const record: IncomingRecord = {
  topic: 'dits.events',
  partition: 3,
  offset: 41n,
  key: Buffer.from('123'),
  value: Buffer.from([9, 9]),
  headers: { trace: Buffer.from('t1') },
  timestampMs: 5,
  lookback: false,
};
const error = new PoisonRecordError('not_avro', 'no header');

function aSink(send: (record: OutgoingRecord) => Promise<void>) {
  const { log, lines } = linesLog();
  return {
    sink: new PoisonSink({ stage: 'router', topic: 'dits.dead-letters', send, log, now: () => 9 }),
    lines,
  };
}

describe('PoisonSink', () => {
  it('puts the record on the dead letters with its bytes and headers untouched, and tells', async () => {
    const sent: OutgoingRecord[] = [];
    const { sink, lines } = aSink(async (one) => void sent.push(one));
    await sink.put(record, error);
    expect(sent).toEqual([
      expect.objectContaining({ topic: 'dits.dead-letters', key: record.key, value: record.value }),
    ]);
    expect(sent[0]!.headers).toMatchObject({ trace: record.headers.trace });
    expect(lines()).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: 'record.poison',
        reason: 'not_avro',
        partition: 3,
        offset: '41',
      }),
    ]);
    expect(await metricsRegistry.getSingleMetricAsString('dits_dead_letters_total')).toContain(
      'dits_dead_letters_total{stage="router",reason="not_avro"} 1',
    );
  });

  it('rejects when the dead letter is not durable, so that the offset stays', async () => {
    const fault = new KafkaFault('no leader');
    const { sink, lines } = aSink(() => Promise.reject(fault));
    await expect(sink.put(record, error)).rejects.toBe(fault);
    expect(lines()).toEqual([]);
  });
});
