import { acceptedAtMsOfDeliveryId, deadLetterId } from '@dits/domain';
import type { SelectQueryBuilder } from 'typeorm';
import type { Database } from '../database.js';
import type { HistoryPartitions } from '../history/partitions.js';
import { storableText } from '../history/storable.js';
import { storing, type Transaction } from '../storing.js';
import { DeadLetterRow } from './entity.js';

/** A record of the dead-letter topic, taken apart. */
export interface NewDeadLetter {
  /** Time and place of the record on the dead-letter topic. */
  atMs: number;
  partition: number;
  offset: bigint;
  stage: string;
  reason: string;
  error: string;
  /** Where the original was read; null when the letter does not say. */
  origin: { topic: string; partition: number; offset: number } | null;
  key: Buffer | null;
  value: Buffer | null;
  /** The original's. */
  headers: Record<string, Buffer>;
}

/** Which dead letters; what is absent does not restrict. */
export interface DeadLetterFilter {
  stage?: string | undefined;
  reason?: string | undefined;
  /** Where the original was read, in full. */
  topic?: string | undefined;
  /** Put aside then or later. */
  since?: Date | undefined;
  /** Put aside before. */
  until?: Date | undefined;
}

/** A dead letter in a list: without its bytes. */
export type DeadLetterSummary = Omit<DeadLetterRow, 'value' | 'headers'> & { valueBytes: number | null };

// Each is a statement's parameters, in hexadecimal twice as many. One letter may be larger.
const MAX_PART_BYTES = 4 * 1024 * 1024;

/** Dead letters in Postgres. Every method throws `StorageFault` when the database fails. */
export class DeadLetterStore {
  constructor(private readonly database: Database) {}

  /**
   * Stores letters, each once however often it comes. Returns how many were left out because they are past their
   * retention or far ahead.
   */
  async add(letters: NewDeadLetter[], partitions: HistoryPartitions): Promise<{ outOfRange: number }> {
    const kept = letters.filter(({ atMs }) => partitions.keepsHistory(atMs));
    await partitions.ensureFor(kept.map(({ atMs }) => atMs));
    await storing('storing dead letters', async () => {
      try {
        for (const part of inParts(kept)) await this.insert(part);
      } catch (error) {
        // A partition may have been dropped by another process: ask anew next time.
        partitions.forget();
        throw error;
      }
    });
    return { outOfRange: letters.length - kept.length };
  }

  /** One page, newest first, from before the id `after`. */
  list(
    filter: DeadLetterFilter,
    page: { after: string | null; limit: number },
  ): Promise<DeadLetterSummary[]> {
    return storing('listing dead letters', async () => {
      const query = deadLettersQuery(this.database, filter, page.after)
        .select(SUMMARY_COLUMNS.map((column) => `d.${column}`))
        .addSelect('length(d.value)', 'value_bytes')
        .limit(page.limit);
      const { entities, raw } = await query.getRawAndEntities<{ value_bytes: number | null }>();
      return entities.map((entity, i) => ({ ...entity, valueBytes: raw[i]!.value_bytes }));
    });
  }

  /** One letter with its bytes, or null. Any text is fine as an id. */
  get(id: string): Promise<DeadLetterRow | null> {
    return storing('reading a dead letter', async () =>
      isDerivedId(id)
        ? this.database.manager.findOneBy(DeadLetterRow, { id, deadLetteredAt: timeOf(id) })
        : null,
    );
  }

  /** The same, locked until the transaction ends. */
  lock(tx: Transaction, id: string): Promise<DeadLetterRow | null> {
    return storing('locking a dead letter', async () =>
      isDerivedId(id)
        ? tx.findOne(DeadLetterRow, {
            where: { id, deadLetteredAt: timeOf(id) },
            lock: { mode: 'pessimistic_write' },
          })
        : null,
    );
  }

  /** The oldest letters that pass the filter, were read on one of the topics and never put back; locked, those that others hold left out. */
  lockNotReplayed(
    tx: Transaction,
    filter: DeadLetterFilter,
    o: { topics: string[]; notStageTopic: { stage: string; topic: string }; limit: number },
  ): Promise<DeadLetterRow[]> {
    return storing('locking dead letters', () =>
      filtered(tx, filter)
        .andWhere('d.replayedAt IS NULL AND d.topic = ANY (:topics)', { topics: o.topics })
        .andWhere('NOT (d.stage = :notStage AND d.topic = :notTopic)', {
          notStage: o.notStageTopic.stage,
          notTopic: o.notStageTopic.topic,
        })
        .orderBy({ 'd.deadLetteredAt': 'ASC', 'd.id': 'ASC' })
        .limit(o.limit)
        .setLock('pessimistic_write')
        .setOnLocked('skip_locked')
        .getMany(),
    );
  }

  /** Notes that letters were put back. */
  async markReplayed(tx: Transaction, letters: DeadLetterRow[], now: Date): Promise<void> {
    await storing('marking dead letters', () =>
      tx.query(
        `UPDATE dead_letters SET replayed_at = $3, replays = replays + 1
         WHERE id = ANY ($1::uuid[]) AND dead_lettered_at = ANY ($2::timestamptz[])`,
        [letters.map(({ id }) => id), letters.map(({ deadLetteredAt }) => deadLetteredAt), now],
      ),
    );
  }

  private async insert(letters: NewDeadLetter[]): Promise<void> {
    const column = (of: (letter: NewDeadLetter) => unknown) => letters.map(of);
    await this.database.query(
      `INSERT INTO dead_letters (id, dead_lettered_at, stage, reason, error, topic, partition, record_offset, key, value, headers)
       SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[],
         $8::bigint[], $9::bytea[], $10::bytea[], $11::jsonb[])
       ON CONFLICT DO NOTHING`,
      [
        column(deadLetterId),
        column(({ atMs }) => new Date(atMs)),
        column(({ stage }) => storableText(stage)),
        column(({ reason }) => storableText(reason)),
        column(({ error }) => storableText(error)),
        column(({ origin }) => origin && storableText(origin.topic)),
        column(({ origin }) => origin?.partition ?? null),
        column(({ origin }) => origin?.offset ?? null),
        column(({ key }) => key),
        column(({ value }) => value),
        column(({ headers }) => JSON.stringify(storableHeaders(headers))),
      ],
    );
  }
}

/** The letters that pass a filter, newest first, after the cursor; on its own so that a test can have it explained. */
export function deadLettersQuery(
  database: Database,
  filter: DeadLetterFilter,
  after: string | null,
): SelectQueryBuilder<DeadLetterRow> {
  const query = filtered(database.manager, filter);
  if (after !== null) {
    query.andWhere('(d.deadLetteredAt, d.id) < (:time, :after)', { time: timeOf(after), after });
    // Says less, but partitions are pruned by it and not by the pair.
    query.andWhere('d.deadLetteredAt <= :time');
  }
  return query.orderBy({ 'd.deadLetteredAt': 'DESC', 'd.id': 'DESC' });
}

function filtered(on: Transaction, filter: DeadLetterFilter): SelectQueryBuilder<DeadLetterRow> {
  const { stage, reason, topic, since, until } = filter;
  const query = on.getRepository(DeadLetterRow).createQueryBuilder('d').where('true');
  if (stage !== undefined) query.andWhere('d.stage = :stage', { stage });
  if (reason !== undefined) query.andWhere('d.reason = :reason', { reason });
  if (topic !== undefined) query.andWhere('d.topic = :topic', { topic });
  if (since !== undefined) query.andWhere('d.deadLetteredAt >= :since', { since });
  if (until !== undefined) query.andWhere('d.deadLetteredAt < :until', { until });
  return query;
}

const SUMMARY_COLUMNS = [
  'id',
  'deadLetteredAt',
  'stage',
  'reason',
  'error',
  'topic',
  'partition',
  'offset',
  'key',
  'replayedAt',
  'replays',
] as const satisfies (keyof DeadLetterRow)[];

const DERIVED_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a text that has the form of a dead letter's id, a UUIDv8 in lower case. */
export function isDerivedId(text: string): boolean {
  return DERIVED_ID.test(text);
}

// Its time is where a delivery's id has its accept time.
function timeOf(id: string): Date {
  return new Date(acceptedAtMsOfDeliveryId(id));
}

function storableHeaders(headers: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [storableText(name), value.toString('base64')]),
  );
}

function* inParts(letters: NewDeadLetter[]): Generator<NewDeadLetter[]> {
  let part: NewDeadLetter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const size = (letter.key?.length ?? 0) + (letter.value?.length ?? 0);
    if (part.length > 0 && bytes + size > MAX_PART_BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(letter);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
