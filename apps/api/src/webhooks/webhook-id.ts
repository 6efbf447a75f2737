import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { isUuid } from '../http/uuid.js';
import { noWebhook } from './webhook-deps.js';

/** The webhook id in the path, as a parameter of a handler. What has not the form of one does not exist: 404. */
export const WebhookId: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => {
    const { webhook = '' } = context.switchToHttp().getRequest<FastifyRequest>().params as {
      webhook?: string;
    };
    const id = webhook.toLowerCase();
    if (!isUuid(id)) throw noWebhook(webhook);
    return id;
  },
);
