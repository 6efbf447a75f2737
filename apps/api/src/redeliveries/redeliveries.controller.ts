import type { WebhookScope } from '@dits/persistence';
import { traceOf } from '@dits/runtime';
import { Body, Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { DeliveryBody } from '../deliveries/delivery-body.js';
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
import { dryRunExample, jobExample, pageExample, redeliveredExample } from '../openapi/examples.js';
import { noWebhook } from '../webhooks/webhook-deps.js';
import { WebhookId } from '../webhooks/webhook-id.js';
import { redeliverDelivery } from './redeliver-delivery.js';
import { mustBeActive, REDELIVERY_DEPS, type RedeliveryDeps } from './redelivery-deps.js';
import { readFilter, redeliveryCreate, storedFilter } from './redelivery-fields.js';

const listQuery = z.strictObject(pageQuery);
const tag = 'Redelivery';

@Controller(['v1/repos/:repo/webhooks/:webhook', 'v1/owners/:login/webhooks/:webhook'])
export class RedeliveriesController {
  constructor(
    @Inject(REDELIVERY_DEPS) private readonly deps: RedeliveryDeps,
    @Inject(JOB_DEPS) private readonly jobDeps: JobDeps,
    @Inject(JobReader) private readonly jobs: JobReader,
  ) {}

  @Post('deliveries/:delivery/redeliver')
  @Call({
    id: 'redeliverDelivery',
    summary: 'Deliver again',
    description:
      'In any status. The id stays, attempts go on counting, the retry schedule begins anew. A retry that still waits is replaced: it is not made.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    ok: {
      status: 202,
      description: 'The delivery, pending.',
      schema: 'Delivery',
      example: redeliveredExample,
      headers: { Location: 'Path of the delivery.' },
    },
    problems: [404, 409, 410, 422],
  })
  async redeliver(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @Param('delivery') deliveryId: string,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<DeliveryBody> {
    const trace = traceOf(request);
    return reply(to, await redeliverDelivery(this.deps, { scope, id, deliveryId, keep, by, trace }));
  }

  @Post('redeliveries')
  @Call({
    id: 'createRedelivery',
    summary: 'Deliver many again',
    description:
      'All deliveries that the filter matches now, oldest first, each as by …/deliveries/{delivery}/redeliver. Answers with a job that goes on by itself; `dry_run` only counts.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    body: { schema: 'RedeliveryCreate', example: { status: 'Failed', since: '2026-11-25T00:00:00Z' } },
    ok: {
      status: 202,
      description: 'The job.',
      schema: 'Job',
      example: jobExample,
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
    const fields = fieldsOf(redeliveryCreate, json);
    const webhook = await this.deps.webhooks.find(scope, webhookId);
    if (!webhook) throw noWebhook(webhookId);
    if (!fields.dry_run) mustBeActive(webhook);
    const filter = storedFilter(fields, this.deps.now());
    const count = () => this.deps.redeliveries.count(webhookId, readFilter(filter));
    const job = {
      kind: 'redelivery',
      scope,
      webhookId,
      filter,
      options: fields,
      count,
      by,
      keep,
    } as const;
    return reply(to, await createJob(this.jobDeps, job));
  }

  @Get('redeliveries')
  @Call({
    id: 'listRedeliveries',
    summary: 'List redelivery jobs',
    description: 'Newest first.',
    tag,
    scope: 'webhooks:read',
    query: listQuery,
    ok: {
      status: 200,
      description: 'A page of jobs.',
      schema: 'JobPage',
      example: pageExample(jobExample),
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
    return this.jobs.list({ kind: 'redelivery', scope, webhookId }, query, { request, to });
  }

  @Get('redeliveries/:job')
  @Call({
    id: 'getRedelivery',
    summary: 'Get a redelivery job',
    tag,
    scope: 'webhooks:read',
    ok: { status: 200, description: 'The job, with how far it got.', schema: 'Job', example: jobExample },
    problems: [404, 422],
  })
  get(
    @Scope() scope: WebhookScope,
    @WebhookId() webhookId: string,
    @Param('job') id: string,
  ): Promise<JobBody> {
    return this.jobs.get({ kind: 'redelivery', scope, webhookId }, id);
  }

  @Delete('redeliveries/:job')
  @Call({
    id: 'cancelRedelivery',
    summary: 'Cancel a redelivery job',
    description: 'What it has asked for so far is delivered. One that has ended stays as it is.',
    tag,
    scope: 'webhooks:write',
    ok: { status: 200, description: 'The job as it is now.', schema: 'Job', example: jobExample },
    problems: [404, 422],
  })
  cancel(
    @Scope() scope: WebhookScope,
    @WebhookId() webhookId: string,
    @Param('job') id: string,
    @By() by: Actor,
  ): Promise<JobBody> {
    return this.jobs.cancel({ kind: 'redelivery', scope, webhookId }, id, by);
  }
}
