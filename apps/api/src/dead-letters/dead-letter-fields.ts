import { isDerivedId, type DeadLetterFilter } from '@dits/persistence';
import { z } from 'zod';
import { inOrder, integer, text, time } from '../http/fields.js';
import { pageQuery } from '../http/page.js';

const filterFields = {
  stage: text({ min: 1, max: 100 }).optional().meta({ description: 'Who gave up.', example: 'router' }),
  reason: text({ min: 1, max: 100 }).optional().meta({ description: 'Why.', example: 'not_avro' }),
  topic: text({ min: 1, max: 249 })
    .optional()
    .meta({ description: 'Where the record was read, in full.', example: 'dits.events' }),
  since: time.optional().meta({ description: 'Put aside then or later.', example: '2026-11-25T00:00:00Z' }),
  until: time.optional().meta({ description: 'Put aside before.', example: '2026-11-26T00:00:00Z' }),
};
const FILTERS = Object.keys(filterFields) as (keyof DeadLetterFilter)[];

/** The query parameters of the list. */
export const deadLetterQuery = inOrder(z.strictObject({ ...pageQuery, ...filterFields }));

/** What may be sent to have dead letters put back: one by its id, or those that a filter matches. */
export const deadLetterReplay = inOrder(
  z.strictObject({
    id: z
      .string()
      .refine(isDerivedId, 'must be the id of a dead letter')
      .optional()
      .meta({ description: 'One dead letter, also one that was put back before.', format: 'uuid' }),
    ...filterFields,
    limit: integer({ min: 1, max: 1_000 })
      .default(100)
      .meta({ description: 'With a filter: letters put back by this call at most, the oldest first.' }),
  }),
).superRefine((fields, context) => {
  const given = FILTERS.filter((name) => fields[name] !== undefined);
  if (fields.id === undefined && given.length === 0) {
    const message = `is required, or a filter: ${FILTERS.join(', ')}`;
    context.addIssue({ code: 'custom', path: ['id'], message });
  }
  for (const name of fields.id === undefined ? [] : given) {
    context.addIssue({ code: 'custom', path: [name], message: 'must not be given together with id' });
  }
});

export type DeadLetterReplayFields = z.output<typeof deadLetterReplay>;

/** The filter among the fields. */
export function filterOf({ stage, reason, topic, since, until }: DeadLetterFilter): DeadLetterFilter {
  return { stage, reason, topic, since, until };
}
