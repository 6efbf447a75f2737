import type { EventCatalogue } from '@dits/contracts';
import { matchesPattern } from '@dits/domain';
import type { EventFilter, Webhook } from '@dits/persistence';
import { z } from 'zod';
import { distinct, inOrder, text, time } from '../http/fields.js';
import { jobOptions } from '../jobs/job-fields.js';

export type ReplayFields = z.output<ReturnType<typeof replayCreate>>;

/** What may be sent to have past events matched again; the known events come from the catalogue. */
export function replayCreate(catalogue: EventCatalogue) {
  return inOrder(z.strictObject({ ...filterFields(catalogue), ...jobOptions }));
}

function filterFields(catalogue: EventCatalogue) {
  const known = (name: string) =>
    name === '*' || catalogue.all.some(({ event }) => matchesPattern(name, event));
  return {
    events: distinct(z.string().refine(known, 'is not a known event, a group.* of known events, or *'), 100)
      .min(1, 'must name at least one event')
      .optional()
      .meta({ description: 'Only these; absent: all that the webhook asks for.', example: ['push'] }),
    since: time.optional().meta({ description: 'Accepted then or later.', example: '2026-11-25T00:00:00Z' }),
    until: time.optional().meta({ description: 'Accepted before.', example: '2026-11-26T00:00:00Z' }),
    ref: text({ min: 1, max: 1_000 })
      .optional()
      .meta({ description: 'Events of this ref alone, in full.', example: 'refs/heads/main' }),
    missed_only: z.boolean().default(false).meta({
      description:
        'True: only what was not delivered to the webhook and is not on its way: it came before the webhook or while that was switched off, failed or was cancelled.',
    }),
  };
}

/** The filter as a job keeps it; it ends at the time of the request, so that what comes later is left alone. */
export function storedReplay(fields: ReplayFields, nowMs: number): Record<string, unknown> {
  const { events, since, until, ref, missed_only } = fields;
  return {
    ...(events && { events }),
    ...(since && { since: since.toISOString() }),
    until: new Date(Math.min(until?.getTime() ?? Infinity, nowMs)).toISOString(),
    ...(ref !== undefined && { ref }),
    missed_only,
  };
}

/** The events that {@link storedReplay} means, for the webhook as it is now: none that it does not ask for. */
export function eventFilterOf(
  stored: Record<string, unknown>,
  webhook: Webhook,
  catalogue: EventCatalogue,
): EventFilter {
  const { events, since, until, ref, missed_only } = z.object(filterFields(catalogue)).parse(stored);
  const wanted = (name: string) =>
    webhook.events.some((pattern) => matchesPattern(pattern, name)) &&
    (events ?? ['*']).some((pattern) => matchesPattern(pattern, name));
  const { id, repositoryId, ownerLogin } = webhook;
  return {
    scope:
      repositoryId === null ? { repositoryId, ownerLogin: ownerLogin! } : { repositoryId, ownerLogin: null },
    events: catalogue.all.map(({ event }) => event).filter(wanted),
    since,
    until,
    ref,
    missedBy: missed_only ? id : undefined,
  };
}
