import { DeliveryQueries, isDeliveryId, WebhookStore, type WebhookScope } from '@dits/persistence';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterOf, cursorAfter, sendPage, type PageBody } from '../http/page.js';
import { fieldsOf } from '../http/read-fields.js';
import { Scope } from '../http/scope.js';
import { Call } from '../openapi/call.js';
import { deliveryDetailExample, deliveryExample, pageExample } from '../openapi/examples.js';
import { noWebhook } from '../webhooks/webhook-deps.js';
import { WebhookId } from '../webhooks/webhook-id.js';
import {
  noDelivery,
  presentDelivery,
  presentDetail,
  type DeliveryBody,
  type DeliveryDetailBody,
} from './delivery-body.js';
import { deliveryQuery, filterOf } from './delivery-query.js';

@Controller(['v1/repos/:repo/webhooks/:webhook/deliveries', 'v1/owners/:login/webhooks/:webhook/deliveries'])
export class DeliveriesController {
  constructor(
    @Inject(WebhookStore) private readonly webhooks: WebhookStore,
    @Inject(DeliveryQueries) private readonly deliveries: DeliveryQueries,
  ) {}

  @Get()
  @Call({
    id: 'listDeliveries',
    summary: 'List the deliveries of a webhook',
    description: 'Newest first.',
    tag: 'Deliveries',
    scope: 'webhooks:read',
    query: deliveryQuery,
    ok: {
      status: 200,
      description: 'A page of deliveries.',
      schema: 'DeliveryPage',
      example: pageExample(deliveryExample),
      headers: { Link: 'The next page: `rel="next"`. Absent on the last one.' },
    },
    problems: [404, 422],
  })
  async list(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PageBody<DeliveryBody>> {
    const query = fieldsOf(deliveryQuery, request.query);
    const after = afterOf(query.cursor, isDeliveryId);
    await this.mustExist(scope, id);
    const { deliveries, next } = await this.deliveries.list(id, filterOf(query), after, query.limit);
    return sendPage(request, to, deliveries.map(presentDelivery), next && cursorAfter(next));
  }

  @Get(':delivery')
  @Call({
    id: 'getDelivery',
    summary: 'Get a delivery with its body and every attempt',
    tag: 'Deliveries',
    scope: 'webhooks:read',
    ok: {
      status: 200,
      description: 'The delivery.',
      schema: 'DeliveryDetail',
      example: deliveryDetailExample,
    },
    problems: [404, 422],
  })
  async get(
    @Scope() scope: WebhookScope,
    @WebhookId() id: string,
    @Param('delivery') deliveryId: string,
  ): Promise<DeliveryDetailBody> {
    await this.mustExist(scope, id);
    const detail = await this.deliveries.get(id, deliveryId);
    if (detail) return presentDetail(detail);
    throw noDelivery(id, deliveryId);
  }

  private async mustExist(scope: WebhookScope, id: string): Promise<void> {
    if (!(await this.webhooks.find(scope, id))) throw noWebhook(id);
  }
}
