import { expect, it } from '@jest/globals';
import { deadLetter, readDeadLetter, replayHeaders, replayOf } from './dead-letter.js';
import type { IncomingRecord } from './records.js';

it('keeps key, value and headers untouched and says where, why and when', () => {
  const record: IncomingRecord = {
    topic: 'dits.events',
    partition: 3,
    offset: 9007199254740993n,
    key: Buffer.from('42'),
    value: Buffer.from([0xff, 0x00]),
    headers: { trace: Buffer.from([1, 2]) },
    timestampMs: 1,
    lookback: false,
  };
  const letter = deadLetter({
    record,
    topic: 'dits.dead-letters',
    reason: 'not_avro',
    error: 'x'.repeat(5000),
    stage: 'router',
    nowMs: Date.UTC(2026, 10, 25),
  });
  expect(letter).toEqual({
    topic: 'dits.dead-letters',
    key: record.key,
    value: record.value,
    headers: {
      trace: Buffer.from([1, 2]),
      'dits-dead-letter-reason': 'not_avro',
      'dits-dead-letter-error': 'x'.repeat(1000),
      'dits-dead-letter-stage': 'router',
      'dits-dead-letter-topic': 'dits.events',
      'dits-dead-letter-partition': '3',
      'dits-dead-letter-offset': '9007199254740993',
      'dits-dead-letter-time': '2026-11-25T00:00:00.000Z',
    },
  });
});

it('is read as it was written, and whatever is missing is unknown', () => {
  const record: IncomingRecord = {
    topic: 'dits.events',
    partition: 3,
    offset: 42n,
    key: null,
    value: null,
    headers: { trace: Buffer.from([1, 2]) },
    timestampMs: 1,
    lookback: false,
  };
  const { headers } = deadLetter({
    record,
    topic: 'dits.dead-letters',
    reason: 'not_avro',
    error: 'no magic byte',
    stage: 'router',
    nowMs: 0,
  });
  const asRead = Object.fromEntries(Object.entries(headers!).map(([k, v]) => [k, Buffer.from(v as string)]));
  expect(readDeadLetter({ headers: asRead })).toEqual({
    stage: 'router',
    reason: 'not_avro',
    error: 'no magic byte',
    origin: { topic: 'dits.events', partition: 3, offset: 42 },
    headers: record.headers,
  });
  expect(readDeadLetter({ headers: { 'dits-dead-letter-offset': Buffer.from('x') } })).toEqual({
    stage: 'unknown',
    reason: 'unknown',
    error: '',
    origin: null,
    headers: {},
  });
});

it('marks what is put back; a letter about that has the original headers again', () => {
  const headers = { trace: Buffer.from([1, 2]) };
  const putBack = replayHeaders(headers, { letterId: 'a-letter', number: 2 });
  expect(replayOf({ headers: putBack })).toBe('a-letter/2');
  expect(replayOf({ headers })).toBeNull();
  expect(readDeadLetter({ headers: putBack }).headers).toEqual(headers);
});
