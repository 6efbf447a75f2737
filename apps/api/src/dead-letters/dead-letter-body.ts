import { isUtf8 } from 'node:buffer';
import type { DeadLetterRow, DeadLetterSummary } from '@dits/persistence';
import { z } from 'zod';
import type { DecodedLetter } from './decode-letter.js';

const time = z.iso.datetime();

/** A dead letter in a list. */
export const deadLetterBody = z
  .object({
    id: z.uuid(),
    dead_lettered_at: time,
    stage: z.string().meta({ description: 'Who gave up.', example: 'router' }),
    reason: z.string().meta({
      description:
        'Why: of a record that can’t be read as in docs/errors.md, of a delivery its failure reason.',
      example: 'not_avro',
    }),
    error: z.string(),
    topic: z
      .string()
      .nullable()
      .meta({ description: 'Where the record was read; null when the letter does not say.' }),
    partition: z.number().int().nullable(),
    offset: z.number().int().nullable(),
    key: z.string().nullable().meta({ description: 'As text.' }),
    value_bytes: z.number().int().nullable().meta({ description: 'Size of the value; null for none.' }),
    replayed_at: time.nullable().meta({ description: 'When it was last put back; null: never.' }),
    replays: z.number().int().meta({ description: 'Times that it was put back.' }),
  })
  .meta({ description: 'A record that nobody could read, or a delivery that failed.' });

/** One dead letter with everything known about it. */
export const deadLetterDetailBody = deadLetterBody
  .extend({
    key_base64: z.string().nullable(),
    value_base64: z.string().nullable().meta({ description: 'The original bytes.' }),
    headers: z
      .record(z.string(), z.object({ text: z.string().nullable(), base64: z.string() }))
      .meta({ description: 'The original headers; `text` is null where it is not UTF-8.' }),
    decoded: z
      .object({
        type: z
          .string()
          .meta({ description: 'Event name, or the name of a record of ours.', example: 'push' }),
        value: z.unknown().meta({ description: 'Bytes in it are `{"text": …}`, or `{"base64": …}`.' }),
      })
      .nullable()
      .meta({ description: 'The value, where it can be read now.' }),
    decode_error: z.string().nullable().meta({ description: 'Why it can’t be read now.' }),
    schema_id: z.number().int().nullable().meta({
      description:
        'The schema that the value names; null when it does not begin as Avro in the Confluent wire format.',
    }),
  })
  .meta({ description: 'A dead letter with its bytes, decoded as far as possible.' });

export type DeadLetterBody = z.output<typeof deadLetterBody>;
export type DeadLetterDetailBody = z.output<typeof deadLetterDetailBody>;

/** A dead letter in a list. */
export function presentDeadLetter(letter: DeadLetterSummary): DeadLetterBody {
  return {
    id: letter.id,
    dead_lettered_at: letter.deadLetteredAt.toISOString(),
    stage: letter.stage,
    reason: letter.reason,
    error: letter.error,
    topic: letter.topic,
    partition: letter.partition,
    offset: letter.offset,
    key: letter.key?.toString('utf8') ?? null,
    value_bytes: letter.valueBytes,
    replayed_at: letter.replayedAt?.toISOString() ?? null,
    replays: letter.replays,
  };
}

/** A dead letter with its bytes. */
export function presentDetail(letter: DeadLetterRow, decoded: DecodedLetter): DeadLetterDetailBody {
  const { key, value, headers } = letter;
  return {
    ...presentDeadLetter({ ...letter, valueBytes: value?.length ?? null }),
    key_base64: key?.toString('base64') ?? null,
    value_base64: value?.toString('base64') ?? null,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, base64]) => [
        name,
        { text: textOf(Buffer.from(base64, 'base64')), base64 },
      ]),
    ),
    ...decoded,
  };
}

function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString('utf8') : null;
}
