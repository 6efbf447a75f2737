import type { EventCatalogue } from '@dits/contracts';
import type { DestinationPolicy } from '@dits/domain';
import { z } from 'zod';
import { distinct, integer } from '../http/fields.js';
import { webhookHeaderProblems } from './webhook-headers.js';
import { webhookSecretProblem } from './webhook-secret.js';
import { webhookUrlProblem } from './webhook-url.js';

const MAX_OVERLAP_SECONDS = 7 * 86_400;
const DEFAULT_OVERLAP_SECONDS = 86_400;

export type WebhookSchemas = ReturnType<typeof webhookSchemas>;
export type WebhookCreateFields = z.output<WebhookSchemas['create']>;
export type WebhookPatchFields = z.output<WebhookSchemas['patch']>;
export type RotateFields = z.output<WebhookSchemas['rotate']>;
export type RotateSigningKeyFields = z.output<WebhookSchemas['rotateSigningKey']>;

export const WEBHOOK_SCHEMAS = Symbol('WEBHOOK_SCHEMAS');

/** What a user may send about a webhook; the known events come from the catalogue. */
export function webhookSchemas(catalogue: EventCatalogue, destinations: DestinationPolicy) {
  const url = checked((text) => webhookUrlProblem(text, destinations)).meta({
    description:
      'Where deliveries are posted: http or https on the public internet, no user name or password. What is refused is named by its rule.',
    format: 'uri',
    maxLength: 2048,
    example: 'https://your-app.com/webhook',
  });
  const events = distinct(
    checked((name) => eventProblem(name, catalogue)),
    100,
  )
    .min(1, 'must name at least one event')
    .meta({
      description: 'Event names, `group.*` for all of a group, `*` for all.',
      example: ['push', 'repo.created'],
    });
  const secret = checked(webhookSecretProblem).meta({
    description:
      'Signs the deliveries; 8 to 512 characters. One that begins with `whsec_` must go on with the base64 of 24 to 64 bytes. Generated when absent.',
    minLength: 8,
    maxLength: 512,
    example: 'your_webhook_secret',
  });
  const headers = z
    .custom<Record<string, string>>()
    .superRefine((json, context) => {
      for (const { name, message } of webhookHeaderProblems(json))
        context.addIssue({ code: 'custom', path: name === undefined ? [] : [name], message });
    })
    .meta({
      description:
        'Headers to put on each request, such as `Authorization`: at most 20, names and values together at most 8 KiB. Values are stored encrypted and never shown again. Replaces all that were there.',
      type: 'object',
      additionalProperties: { type: 'string' },
      maxProperties: 20,
      example: { Authorization: 'Bearer receivers-own-token' },
    });
  const ed25519 = z.boolean().meta({
    description:
      'True: deliveries carry an ed25519 signature (`v1a`) besides, which is verified with the public key alone. False: its keys are gone for good.',
  });
  const active = z.boolean().meta({ description: 'False: no deliveries.' });
  const retry_statuses = distinct(integer({ min: 400, max: 499 }), 100).meta({
    description: '4xx status codes that are tried again instead of counting as failed.',
    example: [408, 429],
  });
  const max_concurrency = integer({ min: 1, max: 1000 })
    .nullable()
    .meta({ description: 'Requests in flight at most; null: the default of 16.' });
  const rate_limit_per_second = integer({ min: 1, max: 1000 })
    .nullable()
    .meta({ description: 'Requests a second at most; null: no limit.' });
  const send_traceparent = z.boolean().meta({
    description:
      'True: each request carries a W3C `traceparent`, where the event has a trace, so that your spans are in it.',
  });

  const create = z.strictObject({
    url,
    events,
    secret: secret.optional(),
    headers: headers.default({}),
    ed25519: ed25519.default(false),
    active: active.default(true),
    retry_statuses: retry_statuses.default([]),
    max_concurrency: max_concurrency.default(null),
    rate_limit_per_second: rate_limit_per_second.default(null),
    send_traceparent: send_traceparent.default(false),
  });
  const patch = z
    .strictObject({
      url,
      events,
      secret,
      headers,
      ed25519,
      active,
      retry_statuses,
      max_concurrency,
      rate_limit_per_second,
      send_traceparent,
    })
    .partial();
  const rotate = z.strictObject({
    secret: secret.optional(),
    overlap_seconds: overlapSeconds('secret'),
  });
  const rotateSigningKey = z.strictObject({ overlap_seconds: overlapSeconds('key') });
  return { create, patch, rotate, rotateSigningKey };
}

function overlapSeconds(what: string) {
  return integer({ min: 0, max: MAX_OVERLAP_SECONDS })
    .default(DEFAULT_OVERLAP_SECONDS)
    .meta({ description: `How long the old ${what} signs too; 0: not at all.` });
}

function eventProblem(name: string, catalogue: EventCatalogue): string | null {
  if (catalogue.isPattern(name)) return null;
  const known = [...catalogue.all, ...catalogue.internal].map(({ event }) => event).join(', ');
  return `is not a known event, a group.* of known events, or *; known are ${known}`;
}

function checked(problem: (text: string) => string | null): z.ZodString {
  return z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message) context.addIssue({ code: 'custom', message });
  });
}
