import type { Job } from '@dits/persistence';
import { ProblemException } from '@dits/runtime';
import { z } from 'zod';

const time = z.iso.datetime();

/** A job as clients see it. */
export const jobBody = z
  .object({
    id: z.uuid(),
    webhook_id: z.uuid(),
    state: z.enum(['running', 'done', 'cancelled']),
    matched: z.number().int().meta({ description: 'What the filter matched when the job was made.' }),
    redelivered: z.number().int().meta({ description: 'Deliveries asked for so far.' }),
    expired: z.number().int().meta({ description: 'Left out: their body is no longer kept.' }),
    filter: z.record(z.string(), z.unknown()).meta({
      description: 'As it was given; `until` is the time of the request when it was later or absent.',
    }),
    rate_per_second: z.number().int(),
    cancelled_because: z.string().nullable().meta({
      description: '`webhook_inactive` or `webhook_deleted` when nobody cancelled it; null otherwise.',
    }),
    created_at: time,
    updated_at: time,
    finished_at: time.nullable(),
  })
  .meta({ description: 'Many deliveries of a webhook being asked for, at a rate.' });

/** The answer of a dry run. */
export const dryRunBody = z
  .object({
    dry_run: z.literal(true),
    matched: z.number().int().meta({ description: 'What would be asked for.' }),
  })
  .meta({ description: 'Nothing was done.' });

export type JobBody = z.output<typeof jobBody>;
export type DryRunBody = z.output<typeof dryRunBody>;

/** Shows a job to a client. */
export function presentJob(job: Job): JobBody {
  return {
    id: job.id,
    webhook_id: job.webhookId,
    state: job.state,
    matched: job.matched,
    redelivered: job.redelivered,
    expired: job.expired,
    filter: job.filter,
    rate_per_second: job.ratePerSecond,
    cancelled_because: job.note,
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    finished_at: job.finishedAt?.toISOString() ?? null,
  };
}

/** The 404 of a job that the webhook does not have. */
export function noJob(webhookId: string, id: string): ProblemException {
  return new ProblemException(404, {
    detail: `There is no such job ${id} of webhook ${webhookId}.`,
    code: 'job_not_found',
  });
}
