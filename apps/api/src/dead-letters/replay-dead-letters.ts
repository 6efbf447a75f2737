import type { TopicNames } from '@dits/contracts';
import { replayHeaders } from '@dits/kafka';
import type { DeadLetterRow, DeadLetterStore, Outbox, OutboxRecord, Transaction } from '@dits/persistence';
import { ProblemException, type Logger } from '@dits/runtime';
import { z } from 'zod';
import type { Actor } from '../audit/actor.js';
import type { AuditTrail } from '../audit/audit-trail.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { filterOf, type DeadLetterReplayFields } from './dead-letter-fields.js';

/** What putting dead letters back needs. */
export interface DeadLetterDeps {
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  letters: DeadLetterStore;
  outbox: Pick<Outbox, 'append'>;
  audit: Pick<AuditTrail, 'record'>;
  topics: TopicNames;
  /** Has the outbox relayed now, without waiting for it. */
  kick: () => void;
  now: () => number;
  log: Pick<Logger, 'info'>;
}

export const DEAD_LETTER_DEPS = Symbol('DEAD_LETTER_DEPS');

/** What a replay of dead letters answers. */
export const deadLetterReplayBody = z
  .object({
    replayed: z.number().int().meta({ description: 'Letters put back on their topics.' }),
    more: z
      .boolean()
      .meta({ description: 'True when the filter matches letters that are not put back yet: call again.' }),
  })
  .meta({
    description:
      'A letter that still can’t be read or delivered comes back as a new one. Nothing puts it back by itself.',
  });

export type DeadLetterReplayBody = z.output<typeof deadLetterReplayBody>;

// Together at most 2 MiB each, and much less as a rule: what one transaction reads and writes.
const PART_LETTERS = 20;

/**
 * Puts dead letters back on the topics they were read from: key, value and headers as they were, in new records that one more
 * header tells from repeats.
 *
 * One by its id, or those of a filter that were never put back, the oldest first. Nothing is put back where that would do more than
 * try again: the recorder's letter of an event, which the router has routed, would be delivered to everybody a second time.
 */
export async function replayDeadLetters(
  deps: DeadLetterDeps,
  o: { fields: DeadLetterReplayFields; by: Actor; keep: KeepAnswer },
): Promise<Answer<DeadLetterReplayBody>> {
  const { id } = o.fields;
  const answer = id === undefined ? await replayFiltered(deps, o) : await replayOne(deps, { ...o, id });
  deps.log.info({ ...o.fields, ...answer.body, token_id: o.by.id }, 'dead_letters.replayed');
  deps.kick();
  return answer;
}

async function replayOne(
  deps: DeadLetterDeps,
  { id, by, keep }: { id: string; by: Actor; keep: KeepAnswer },
): Promise<Answer<DeadLetterReplayBody>> {
  return deps.inTransaction('replaying a dead letter', async (tx) => {
    const letter = await deps.letters.lock(tx, id);
    if (!letter) throw noDeadLetter(id);
    const obstacle = obstacleTo(letter, deps.topics);
    if (obstacle) throw new ProblemException(409, { detail: obstacle, code: 'not_replayable' });
    await putBack(deps, tx, { letters: [letter], by });
    const answer = { status: 202, headers: {}, body: { replayed: 1, more: false } };
    await keep(tx, answer);
    return answer;
  });
}

async function replayFiltered(
  deps: DeadLetterDeps,
  { fields, by, keep }: { fields: DeadLetterReplayFields; by: Actor; keep: KeepAnswer },
): Promise<Answer<DeadLetterReplayBody>> {
  const { limit } = fields;
  // What comes back meanwhile is a new letter, and not meant.
  const now = new Date(deps.now());
  const filter = { ...filterOf(fields), until: fields.until && fields.until < now ? fields.until : now };
  const which = { topics: replayableTopics(deps.topics), notStageTopic: routedAlready(deps.topics) };
  for (let replayed = 0; ;) {
    const answer = await deps.inTransaction('replaying dead letters', async (tx) => {
      const wanted = Math.min(PART_LETTERS, limit - replayed);
      const found = await deps.letters.lockNotReplayed(tx, filter, { ...which, limit: wanted + 1 });
      const letters = found.slice(0, wanted);
      await putBack(deps, tx, { letters, by });
      replayed += letters.length;
      const more = found.length > wanted;
      if (more && replayed < limit) return null;
      const end = { status: 202, headers: {}, body: { replayed, more } };
      await keep(tx, end);
      return end;
    });
    if (answer) return answer;
  }
}

async function putBack(
  deps: DeadLetterDeps,
  tx: Transaction,
  { letters, by }: { letters: DeadLetterRow[]; by: Actor },
): Promise<void> {
  if (letters.length === 0) return;
  await deps.outbox.append(tx, letters.map(originalOf));
  await deps.letters.markReplayed(tx, letters, new Date(deps.now()));
  const ids = letters.map(({ id }) => id);
  await deps.audit.record(tx, {
    by,
    action: 'dead_letters.replayed',
    target: { kind: 'dead_letter', id: ids.length === 1 ? ids[0]! : null },
    // Not the filter: it may name millions, and these are the ones.
    changes: ids.length === 1 ? [] : [{ field: 'dead_letters', to: ids }],
  });
}

function originalOf({ id, replays, topic, key, value, headers }: DeadLetterRow): OutboxRecord {
  const original = Object.entries(headers).map(([name, base64]) => [name, Buffer.from(base64, 'base64')]);
  return {
    topic: topic!,
    key,
    value,
    // The router may have read the original meanwhile, and would take what comes now for a repeat of it.
    headers: replayHeaders(Object.fromEntries(original) as Record<string, Buffer>, {
      letterId: id,
      number: replays + 1,
    }),
  };
}

/** Why a letter can't be put back, for a person; null when it can. */
function obstacleTo({ stage, topic }: DeadLetterRow, topics: TopicNames): string | null {
  if (topic === null || !replayableTopics(topics).includes(topic)) {
    return `The letter was read on ${topic ?? 'an unknown topic'}, which nothing is put back on.`;
  }
  const routed = routedAlready(topics);
  if (stage !== routed.stage || topic !== routed.topic) return null;
  return 'The event was routed; only its history could not be stored. Put back, it would be delivered to everybody again.';
}

function replayableTopics({ events, deliveries, deliveryLog }: TopicNames): string[] {
  return [events, deliveries, deliveryLog];
}

function routedAlready({ events }: TopicNames): { stage: string; topic: string } {
  return { stage: 'recorder', topic: events };
}

/** The 404 of a dead letter. */
export function noDeadLetter(id: string): ProblemException {
  return new ProblemException(404, {
    detail: `There is no dead letter ${id}.`,
    code: 'dead_letter_not_found',
  });
}
