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

/** A dead letter taken apart: what it says about itself, and the original as it was. */
export interface ReadDeadLetter {
  /** `unknown` when the letter does not say. */
  stage: string;
  /** `unknown` when the letter does not say. */
  reason: string;
  /** Empty when the letter does not say. */
  error: string;
  /** Where the original was read; null when the letter does not say. */
  origin: { topic: string; partition: number; offset: number } | null;
  /** The original's. */
  headers: Record<string, Buffer>;
}

const PREFIX = 'dits-dead-letter-';
const REPLAY_HEADER = `${PREFIX}replay`;

/** The headers of an original that is put back: its own, and one that tells this replay from all other records. */
export function replayHeaders(
  original: Record<string, Buffer>,
  replay: { letterId: string; number: number },
): Record<string, Buffer> {
  return { ...original, [REPLAY_HEADER]: Buffer.from(`${replay.letterId}/${replay.number}`) };
}

/** The header that tells the replay which a record belongs to, for a record that takes its place; none for one that nobody has put back. */
export function replayHeaderOf({ headers }: Pick<IncomingRecord, 'headers'>): Record<string, Buffer> {
  const replay = headers[REPLAY_HEADER];
  return replay ? { [REPLAY_HEADER]: replay } : {};
}

/** What tells the replay that a record belongs to from all others; null for a record that nobody has put back. */
export function replayOf({ headers }: Pick<IncomingRecord, 'headers'>): string | null {
  return headers[REPLAY_HEADER]?.toString() ?? null;
}

/** Reads what {@link deadLetter} wrote. Never fails: what is missing or wrong is unknown. */
export function readDeadLetter({ headers }: Pick<IncomingRecord, 'headers'>): ReadDeadLetter {
  const said = (name: string): string | undefined => headers[PREFIX + name]?.toString();
  const topic = said('topic');
  const partition = Number(said('partition') ?? NaN);
  const offset = Number(said('offset') ?? NaN);
  const isKnown = topic !== undefined && Number.isInteger(partition) && Number.isSafeInteger(offset);
  return {
    stage: said('stage') ?? 'unknown',
    reason: said('reason') ?? 'unknown',
    error: said('error') ?? '',
    origin: isKnown ? { topic, partition, offset } : null,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(PREFIX))),
  };
}
