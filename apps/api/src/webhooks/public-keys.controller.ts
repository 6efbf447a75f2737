import { ProblemException } from '@dits/runtime';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Call } from '../openapi/call.js';
import { publicKeysExample } from '../openapi/examples.js';
import { presentPublicKeys, type PublicKeysBody } from './public-keys-body.js';
import { WEBHOOK_DEPS, type WebhookDeps } from './webhook-deps.js';
import { WebhookId } from './webhook-id.js';

// A key is known to receivers long before the one it replaces ends: the shortest overlap that makes sense is longer.
const MAX_AGE_SECONDS = 300;

/** The keys that verify a webhook's ed25519 signatures, for everybody: they are public. */
@Controller('.well-known/dits-webhooks/keys')
export class PublicKeysController {
  constructor(@Inject(WEBHOOK_DEPS) private readonly deps: WebhookDeps) {}

  @Get(':webhook')
  @Call({
    id: 'getPublicKeys',
    summary: 'Get the public keys of a webhook',
    description: 'A JWK Set. While a key is rotated it has two; a right signature by one of them is enough.',
    tag: 'Webhooks',
    scope: null,
    ok: {
      status: 200,
      description: 'The keys that sign now, the current one first.',
      schema: 'PublicKeys',
      example: publicKeysExample,
      headers: { 'Cache-Control': 'How long it may be kept.' },
    },
    problems: [404],
  })
  async get(@WebhookId() id: string, @Res({ passthrough: true }) to: FastifyReply): Promise<PublicKeysBody> {
    const webhook = await this.deps.webhooks.findById(id);
    // Whether there is such a webhook is nobody's business.
    if (!webhook || webhook.signingKeys.length === 0) {
      throw new ProblemException(404, {
        detail: `There are no public keys of a webhook ${id}.`,
        code: 'public_keys_not_found',
      });
    }
    void to.header('cache-control', `public, max-age=${MAX_AGE_SECONDS}`);
    return presentPublicKeys(webhook, this.deps.now());
  }
}
