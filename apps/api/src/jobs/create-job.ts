import { Job, type JobKind, type JobStore, type Transaction, type WebhookScope } from '@dits/persistence';
import type { Logger } from '@dits/runtime';
import type { Actor } from '../audit/actor.js';
import { differences, type AuditTrail } from '../audit/audit-trail.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { invalidFields } from '../http/read-fields.js';
import { pathOf } from '../http/scope.js';
import { presentJob, type DryRunBody, type JobBody } from './job-body.js';

/** What making jobs needs. */
export interface JobDeps {
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  jobs: JobStore;
  audit: Pick<AuditTrail, 'record'>;
  /** Has the runner look for jobs now. */
  kickJobs: () => void;
  /** A new UUIDv7. */
  newId: () => string;
  /** More matches than this must be confirmed. */
  confirmAbove: number;
  now: () => number;
  log: Pick<Logger, 'info'>;
}

/** Paths of the jobs of a webhook, by their kind. */
export const JOB_PATHS: Record<JobKind, string> = { redelivery: 'redeliveries', replay: 'replays' };

/** Counts, or makes a job of what was counted. Throws a 422 when it is more than goes without a question. */
export async function createJob(
  deps: JobDeps,
  o: {
    kind: JobKind;
    scope: WebhookScope;
    webhookId: string;
    filter: Record<string, unknown>;
    options: { dry_run: boolean; rate_per_second: number; confirm: boolean };
    count: () => Promise<number>;
    by: Actor;
    keep: KeepAnswer;
  },
): Promise<Answer<JobBody | DryRunBody>> {
  const { kind, webhookId, options } = o;
  const matched = await o.count();
  if (options.dry_run) return { status: 200, headers: {}, body: { dry_run: true, matched } };
  if (matched > deps.confirmAbove && !options.confirm) {
    const message = `must be true: ${matched} match, more than ${deps.confirmAbove}`;
    throw invalidFields([{ path: 'confirm', message }]);
  }
  const now = new Date(deps.now());
  const job = Object.assign(new Job(), {
    id: deps.newId(),
    kind,
    webhookId,
    filter: o.filter,
    ratePerSecond: options.rate_per_second,
    state: 'running',
    matched,
    redelivered: 0,
    expired: 0,
    cursor: null,
    note: null,
    leaseId: null,
    leaseUntil: null,
    createdAt: now,
    updatedAt: now,
    finishedAt: null,
  } satisfies Job);
  const answer = {
    status: 202,
    headers: { location: `${pathOf(o.scope)}/${webhookId}/${JOB_PATHS[kind]}/${job.id}` },
    body: presentJob(job),
  };
  await deps.inTransaction('making a job', async (tx) => {
    await deps.jobs.insert(tx, job);
    await deps.audit.record(tx, {
      by: o.by,
      action: `${kind}.created`,
      target: { kind: 'job', id: job.id },
      webhook: { id: webhookId, ...o.scope },
      changes: differences(null, { filter: job.filter, rate_per_second: job.ratePerSecond, matched }),
    });
    await o.keep(tx, answer);
  });
  deps.log.info({ job_id: job.id, kind, webhook_id: webhookId, matched, token_id: o.by.id }, 'job.created');
  deps.kickJobs();
  return answer;
}
