import type { JobKind, WebhookScope, WebhookStore } from '@dits/persistence';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../audit/actor.js';
import { differences } from '../audit/audit-trail.js';
import { afterOf, cut, sendPage, type PageBody } from '../http/page.js';
import { isUuid } from '../http/uuid.js';
import { noWebhook } from '../webhooks/webhook-deps.js';
import type { JobDeps } from './create-job.js';
import { noJob, presentJob, type JobBody } from './job-body.js';

export const JOB_DEPS = Symbol('JOB_DEPS');

/** The jobs of one kind of one webhook. */
export interface JobsOf {
  kind: JobKind;
  scope: WebhookScope;
  webhookId: string;
}

/** Shows and cancels jobs. Every method throws a 404 when there is no such webhook. */
export class JobReader {
  constructor(
    private readonly deps: Pick<JobDeps, 'jobs' | 'log' | 'audit' | 'inTransaction'> & {
      webhooks: Pick<WebhookStore, 'find'>;
    },
  ) {}

  /** A page of jobs, newest first. */
  async list(
    of: JobsOf,
    query: { limit: number; cursor?: string | undefined },
    { request, to }: { request: FastifyRequest; to: FastifyReply },
  ): Promise<PageBody<JobBody>> {
    const after = afterOf(query.cursor);
    await this.mustExist(of);
    const found = await this.deps.jobs.list(of, { after, limit: query.limit + 1 });
    const { rows, next } = cut(found, query.limit);
    return sendPage(request, to, rows.map(presentJob), next);
  }

  /** One job. Throws a 404. */
  async get(of: JobsOf, id: string): Promise<JobBody> {
    await this.mustExist(of);
    const { kind, webhookId } = of;
    const job = isUuid(id) ? await this.deps.jobs.find({ kind, webhookId, id }) : null;
    if (!job) throw noJob(webhookId, id);
    return presentJob(job);
  }

  /** Cancels a job if it is running. Throws a 404. */
  async cancel(of: JobsOf, id: string, by: Actor): Promise<JobBody> {
    const { kind, webhookId } = of;
    await this.get(of, id);
    const isCancelled = await this.deps.inTransaction('cancelling a job', async (tx) => {
      if (!(await this.deps.jobs.cancel(tx, { kind, webhookId, id }))) return false;
      await this.deps.audit.record(tx, {
        by,
        action: `${kind}.cancelled`,
        target: { kind: 'job', id },
        webhook: { id: webhookId, ...of.scope },
        changes: differences({ state: 'running' }, { state: 'cancelled' }),
      });
      return true;
    });
    if (isCancelled)
      this.deps.log.info({ job_id: id, webhook_id: webhookId, token_id: by.id }, 'job.cancelled');
    return this.get(of, id);
  }

  private async mustExist({ scope, webhookId }: JobsOf): Promise<void> {
    if (!(await this.deps.webhooks.find(scope, webhookId))) throw noWebhook(webhookId);
  }
}
