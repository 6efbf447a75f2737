import type { IncomingRecord, OutgoingRecord } from './records.js';

/** What a dead letter says about itself. */
export interface DeadLetterOptions {
  record: IncomingRecord;
  /** The dead-letter topic. */
  topic: string;
  /** Short and stable, e.g. `not_avro`. */
  reason: string;
  /** The error's message. */
  error: string;
  /** Who gave up, e.g. `router`. */
  stage: string;
  nowMs: number;
}

// A message may quote what was wrong; the letter must not outgrow its record for it.
const MAX_ERROR_CHARS = 1000;

/**
 * A record as a dead letter: its key, value and headers untouched, plus
 *
 * | header | holds |
 * | --- | --- |
 * | `dits-dead-letter-reason` | the reason |
 * | `dits-dead-letter-error` | the error's message, at most 1000 characters |
 * | `dits-dead-letter-stage` | who gave up |
 * | `dits-dead-letter-topic`, `-partition`, `-offset` | where the record was read |
 * | `dits-dead-letter-time` | when, ISO 8601 in UTC |
 */
export function deadLetter({
  record,
  topic,
  reason,
  error,
  stage,
  nowMs,
}: DeadLetterOptions): OutgoingRecord {
  return {
    topic,
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      'dits-dead-letter-reason': reason,
      'dits-dead-letter-error': error.slice(0, MAX_ERROR_CHARS),
      'dits-dead-letter-stage': stage,
      'dits-dead-letter-topic': record.topic,
      'dits-dead-letter-partition': String(record.partition),
      'dits-dead-letter-offset': String(record.offset),
      'dits-dead-letter-time': new Date(nowMs).toISOString(),
    },
  };
}
