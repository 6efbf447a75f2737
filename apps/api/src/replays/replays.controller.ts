import { EventCatalogue } from '@dits/contracts';
import { EventQueries, type WebhookScope } from '@dits/persistence';
import { Body, Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { By, type Actor } from '../audit/actor.js';
import { reply } from '../http/answer.js';
import { Keeper, type KeepAnswer } from '../http/idempotency.interceptor.js';
import { pageQuery, type PageBody } from '../http/page.js';
import { fieldsOf } from '../http/read-fields.js';
import { Scope } from '../http/scope.js';
import { createJob, type JobDeps } from '../jobs/create-job.js';
import type { DryRunBody, JobBody } from '../jobs/job-body.js';
import { JOB_DEPS, JobReader } from '../jobs/job-reader.js';
import { Call } from '../openapi/call.js';
import { dryRunExample, pageExample, replayJobExample } from '../openapi/examples.js';
import { mustBeActive, REDELIVERY_DEPS, type RedeliveryDeps } from '../redeliveries/redelivery-deps.js';
import { noWebhook } from '../webhooks/webhook-deps.js';
import { WebhookId } from '../webhooks/webhook-id.js';
import { eventFilterOf, replayCreate, storedReplay } from './replay-fields.js';

const listQuery = z.strictObject(pageQuery);
const tag = 'Redelivery';

@Controller(['v1/repos/:repo/webhooks/:webhook/replays', 'v1/owners/:login/webhooks/:webhook/replays'])
export class ReplaysController {
  private readonly createFields: ReturnType<typeof replayCreate>;

  constructor(
    @Inject(EventCatalogue) private readonly catalogue: EventCatalogue,
    @Inject(REDELIVERY_DEPS) private readonly deps: RedeliveryDeps,
    @Inject(EventQueries) private readonly events: EventQueries,
    @Inject(JOB_DEPS) private readonly jobDeps: JobDeps,
    @Inject(JobReader) private readonly jobs: JobReader,
  ) {
    this.createFields = replayCreate(catalogue);
  }

  @Post()
  @Call({
    id: 'createReplay',
    summary: 'Match past events again',
    description:
      'For this webhook alone, oldest first, also events from before it was created. An event that was delivered to it before is delivered again under the same delivery id, as a redelivery. Answers with a job that goes on by itself; `dry_run` only counts.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    body: { schema: 'ReplayCreate', example: { events: ['push'], since: '2026-11-25T00:00:00Z' } },
    ok: {
      status: 202,
      description: 'The job.',
      schema: 'Job',
      example: replayJobExample,
      headers: { Location: 'Path of the job.' },
    },
    also: { status: 200, description: 'With `dry_run`.', schema: 'DryRun', example: dryRunExample },
    problems: [404, 409, 422],
  })
  async create(
    @Scope() scope: WebhookScope,
    @WebhookId() webhookId: string,
    @Body() json: unknown,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<JobBody | DryRunBody> {
    const fields = fieldsOf(this.createFields, json);
    const webhook = await this.deps.webhooks.find(scope, webhookId);
    if (!webhook) throw noWebhook(webhookId);
    if (!fields.dry_run) mustBeActive(webhook);
    const filter = storedReplay(fields, this.deps.now());
    const count = () => this.events.count(eventFilterOf(filter, webhook, this.catalogue));
    const job = { kind: 'replay', scope, webhookId, filter, options: fields, count, by, keep } as const;
    return reply(to, await createJob(this.jobDeps, job));
  }

  @Get()
  @Call({
    id: 'listReplays',
    summary: 'List replay jobs',
    description: 'Newest first.',
    tag,
    scope: 'webhooks:read',
    query: listQuery,
    ok: {
      status: 200,
      description: 'A page of jobs.',
      schema: 'JobPage',
      example: pageExample(replayJobExample),
      headers: { Link: 'The next page: `rel="next"`. Absent on the last one.' },
    },
    problems: [404, 422],
  })
  list(
    @Scope() scope: WebhookScope,
    @WebhookId() webhookId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PageBody<JobBody>> {
    const query = fieldsOf(listQuery, request.query);
    return this.jobs.list({ kind: 'replay', scope, webhookId }, query, { request, to });
  }

  @Get(':job')
  @Call({
    id: 'getReplay',
    summary: 'Get a replay job',
    tag,
    scope: 'webhooks:read',
    ok: {
      status: 200,
      description: 'The job, with how far it got.',
      schema: 'Job',
      example: replayJobExample,
    },
    problems: [404, 422],
  })
  get(
    @Scope() scope: WebhookScope,
    @WebhookId() webhookId: string,
    @Param('job') id: string,
  ): Promise<JobBody> {
    return this.jobs.get({ kind: 'replay', scope, webhookId }, id);
  }

  @Delete(':job')
  @Call({
    id: 'cancelReplay',
    summary: 'Cancel a replay job',
    description: 'What it has asked for so far is delivered. One that has ended stays as it is.',
    tag,
    scope: 'webhooks:write',
    ok: { status: 200, description: 'The job as it is now.', schema: 'Job', example: replayJobExample },
    problems: [404, 422],
  })
  cancel(
    @Scope() scope: WebhookScope,
    @WebhookId() webhookId: string,
    @Param('job') id: string,
    @By() by: Actor,
  ): Promise<JobBody> {
    return this.jobs.cancel({ kind: 'replay', scope, webhookId }, id, by);
  }
}
