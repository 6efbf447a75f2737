import type { WebhookScope } from '@dits/persistence';
import { Body, Controller, Delete, Get, Inject, Patch, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { By, type Actor } from '../audit/actor.js';
import { reply } from '../http/answer.js';
import { Keeper, type KeepAnswer } from '../http/idempotency.interceptor.js';
import { afterOf, cut, pageQuery, sendPage, type PageBody } from '../http/page.js';
import { fieldsOf } from '../http/read-fields.js';
import { Scope } from '../http/scope.js';
import { Call } from '../openapi/call.js';
import {
  pageExample,
  pingExample,
  webhookExample,
  webhookRequestExample,
  webhookWithSecretExample,
} from '../openapi/examples.js';
import { changeWebhook, deleteWebhook, rotateSecret, rotateSigningKey } from './change-webhook.js';
import { createWebhook } from './create-webhook.js';
import { pingWebhook, type PingBody } from './ping-webhook.js';
import { presentWebhook, type WebhookBody, type WebhookWithSecretBody } from './webhook-body.js';
import { noWebhook, WEBHOOK_DEPS, type WebhookDeps } from './webhook-deps.js';
import { WEBHOOK_SCHEMAS, type WebhookSchemas } from './webhook-fields.js';
import { WebhookId } from './webhook-id.js';

const listQuery = z.strictObject(pageQuery);
const tag = 'Webhooks';

/** Webhooks of a repository, and in the same way those of an owner. */
@Controller(['v1/repos/:repo/webhooks', 'v1/owners/:login/webhooks'])
export class WebhooksController {
  constructor(
    @Inject(WEBHOOK_DEPS) private readonly deps: WebhookDeps,
    @Inject(WEBHOOK_SCHEMAS) private readonly schemas: WebhookSchemas,
  ) {}

  @Post()
  @Call({
    id: 'createWebhook',
    summary: 'Create a webhook',
    description: 'An event posted after the 201 reaches it. The secret is shown in this answer only.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    body: { schema: 'WebhookCreate', example: webhookRequestExample },
    ok: {
      status: 201,
      description: 'The webhook, with its secret.',
      schema: 'WebhookWithSecret',
      example: webhookWithSecretExample,
      headers: { Location: 'Path of the webhook.' },
    },
    problems: [422],
  })
  async create(
    @Scope() scope: WebhookScope,
    @Body() json: unknown,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<WebhookWithSecretBody> {
    const fields = fieldsOf(this.schemas.create, json);
    return reply(to, await createWebhook(this.deps, { scope, fields, keep, by }));
  }

  @Get()
  @Call({
    id: 'listWebhooks',
    summary: 'List webhooks',
    description: 'Oldest first.',
    tag,
    scope: 'webhooks:read',
    query: listQuery,
    ok: {
      status: 200,
      description: 'A page of webhooks.',
      schema: 'WebhookPage',
      example: pageExample(webhookExample),
      headers: { Link: 'The next page: `rel="next"`. Absent on the last one.' },
    },
    problems: [404, 422],
  })
  async list(
    @Scope() scope: WebhookScope,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PageBody<WebhookBody>> {
    const { limit, cursor } = fieldsOf(listQuery, request.query);
    const found = await this.deps.webhooks.list(scope, { after: afterOf(cursor), limit: limit + 1 });
    const { rows, next } = cut(found, limit);
    const nowMs = this.deps.now();
    return sendPage(
      request,
      to,
      rows.map((webhook) => presentWebhook(webhook, nowMs)),
      next,
    );
  }

  @Get(':webhook')
  @Call({
    id: 'getWebhook',
    summary: 'Get a webhook',
    tag,
    scope: 'webhooks:read',
    ok: { status: 200, description: 'The webhook.', schema: 'Webhook', example: webhookExample },
    problems: [404, 422],
  })
  async get(@Scope() scope: WebhookScope, @WebhookId() id: string): Promise<WebhookBody> {
    const webhook = await this.deps.webhooks.find(scope, id);
    if (!webhook) throw noWebhook(id);
    return presentWebhook(webhook, this.deps.now());
  }

  @Patch(':webhook')
  @Call({
    id: 'changeWebhook',
    summary: 'Change a webhook',
    description:
      'What is absent stays. A secret given here takes the old one’s place at once; …/secret/rotate lets both sign for a while.',
    tag,
    scope: 'webhooks:write',
    body: { schema: 'WebhookChange', example: { active: false } },
    ok: { status: 200, description: 'The webhook as it is now.', schema: 'Webhook', example: webhookExample },
    problems: [404, 422],
  })
  async change(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @Body() json: unknown,
    @By() by: Actor,
  ): Promise<WebhookBody> {
    const fields = fieldsOf(this.schemas.patch, json);
    return changeWebhook(this.deps, { scope, id, fields, by });
  }

  @Delete(':webhook')
  @Call({
    id: 'deleteWebhook',
    summary: 'Delete a webhook',
    description: 'Deliveries that wait for it are cancelled.',
    tag,
    scope: 'webhooks:write',
    ok: { status: 204, description: 'It is gone.' },
    problems: [404, 422],
  })
  async delete(@Scope() scope: WebhookScope, @WebhookId() id: string, @By() by: Actor): Promise<void> {
    await deleteWebhook(this.deps, { scope, id, by });
  }

  @Post(':webhook/ping')
  @Call({
    id: 'pingWebhook',
    summary: 'Send a test delivery',
    description: 'A signed POST with the event `ping`, in the history like any other delivery.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    ok: {
      status: 202,
      description: 'The delivery that will be attempted.',
      schema: 'Ping',
      example: pingExample,
      headers: { Location: 'Path of the delivery, once it is recorded.' },
    },
    problems: [404, 422],
  })
  async ping(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PingBody> {
    return reply(to, await pingWebhook(this.deps, { scope, id, keep, by }));
  }

  @Post(':webhook/secret/rotate')
  @Call({
    id: 'rotateSecret',
    summary: 'Give a webhook a new secret',
    description:
      'The old secret signs too for `overlap_seconds`, so the receiver can change over without losing a delivery.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    body: { schema: 'SecretRotation', example: { overlap_seconds: 86_400 }, isOptional: true },
    ok: {
      status: 200,
      description: 'The webhook, with its new secret.',
      schema: 'WebhookWithSecret',
      example: webhookWithSecretExample,
    },
    problems: [404, 422],
  })
  async rotate(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @Body() json: unknown,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<WebhookWithSecretBody> {
    const fields = fieldsOf(this.schemas.rotate, json ?? {});
    return reply(to, await rotateSecret(this.deps, { scope, id, fields, keep, by }));
  }

  @Post(':webhook/signing-key/rotate')
  @Call({
    id: 'rotateSigningKey',
    summary: 'Give a webhook a new ed25519 key',
    description:
      'The old key signs too for `overlap_seconds`, so receivers have that long to learn the new public key.',
    tag,
    scope: 'webhooks:write',
    isIdempotent: true,
    body: { schema: 'SigningKeyRotation', example: { overlap_seconds: 86_400 }, isOptional: true },
    ok: {
      status: 200,
      description: 'The webhook, with its public keys.',
      schema: 'Webhook',
      example: webhookExample,
    },
    problems: [404, 422],
  })
  async rotateKey(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @Body() json: unknown,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<WebhookBody> {
    const fields = fieldsOf(this.schemas.rotateSigningKey, json ?? {});
    return reply(to, await rotateSigningKey(this.deps, { scope, id, fields, keep, by }));
  }
}
