import { KafkaFault, topicNames } from '@dits/contracts';
import type { IncomingRecord, OutgoingRecord } from '@dits/kafka';
import { noTracing, metricsRegistry } from '@dits/runtime';
import { describe, expect, it } from '@jest/globals';
import { dueAtMs, putBack, type HoldDeps } from './hold-until-due.js';

const WRITTEN_MS = 1_764_061_934_000;
const topics = topicNames('blue.');

function aRecord(over: Partial<IncomingRecord> & { notBefore?: string } = {}): IncomingRecord {
  const { notBefore, ...fields } = over;
  return {
    topic: topics.retry('15s'),
    partition: 0,
    offset: 1n,
    key: Buffer.from('w1'),
    value: Buffer.from([0, 1, 2, 255]),
    headers: notBefore === undefined ? {} : { 'dits-not-before': Buffer.from(notBefore) },
    timestampMs: WRITTEN_MS,
    lookback: false,
    ...fields,
  };
}

describe('dueAtMs', () => {
  it('is what the header says', () => {
    expect(dueAtMs(aRecord({ notBefore: String(WRITTEN_MS + 16_000) }))).toBe(WRITTEN_MS + 16_000);
    expect(dueAtMs(aRecord({ notBefore: String(WRITTEN_MS - 5) }))).toBe(WRITTEN_MS - 5);
  });

  it.each([
    ['15s', 15_000],
    ['1m', 60_000],
    ['17h', 61_200_000],
    ['200ms', 200],
  ])('is the delay of tier %s after the record was written when there is no header', (tier, delayMs) => {
    expect(dueAtMs(aRecord({ topic: topics.retry(tier) }))).toBe(WRITTEN_MS + delayMs);
  });

  it.each(['', 'soon', '-1', '1e15', '99999999999999999999', String(WRITTEN_MS + 24 * 3_600_000)])(
    'is the delay of the tier when the header says %j',
    (notBefore) => {
      expect(dueAtMs(aRecord({ notBefore }))).toBe(WRITTEN_MS + 15_000);
    },
  );
});

describe('putBack', () => {
  const nowMs = WRITTEN_MS + 16_250;
  const setUp = (over: Partial<HoldDeps> = {}) => {
    const sent: OutgoingRecord[] = [];
    const logged: object[] = [];
    const deps: HoldDeps = {
      sendAll: async (records) => void sent.push(...records),
      topics,
      log: { info: (facts, message) => void logged.push({ ...facts, message }) },
      tracing: noTracing,
      now: () => nowMs,
      ...over,
    };
    return { sent, logged, deps };
  };

  it('sends key, value and headers as they are', async () => {
    const { sent, logged, deps } = setUp();
    const record = aRecord({ notBefore: String(WRITTEN_MS + 16_000) });
    record.headers.traceparent = Buffer.from('00-1-2-01');
    await putBack([record], deps);
    const { key, value, headers } = record;
    expect(sent).toEqual([{ topic: 'blue.dits.deliveries', key, value, headers, timestampMs: nowMs }]);
    expect(logged).toEqual([{ message: 'delivery.put_back', webhook_id: 'w1', tier: '15s', late_ms: 250 }]);
  });

  it('measures how late each tier is', async () => {
    const { deps } = setUp();
    await putBack([aRecord({ topic: topics.retry('4m'), notBefore: String(nowMs - 400) })], deps);
    const metrics = await metricsRegistry.metrics();
    expect(metrics).toContain('dits_retry_lateness_seconds_sum{tier="4m"} 0.4');
  });

  it('rejects when Kafka does not take the records, so that their offsets stay', async () => {
    const fault = new KafkaFault('away');
    const { deps, logged } = setUp({ sendAll: () => Promise.reject(fault) });
    await expect(putBack([aRecord()], deps)).rejects.toBe(fault);
    expect(logged).toEqual([]);
  });
});
