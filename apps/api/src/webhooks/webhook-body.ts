import type { Webhook } from '@dits/persistence';
import { z } from 'zod';
import { signingNow } from './signing-keys.js';
import { maskHeaders } from './webhook-headers.js';

const time = z.iso.datetime().meta({ example: '2026-11-25T09:12:14.000Z' });

/** A webhook as clients see it. */
export const webhookBody = z
  .object({
    id: z.uuid().meta({ description: 'Id of the webhook; sorts by the time of creation.' }),
    repository_id: z.number().int().nullable().meta({ description: 'Set for a webhook of one repository.' }),
    owner_login: z.string().nullable().meta({
      description: 'Set for a webhook of all repositories of an owner; lower case.',
    }),
    url: z.string().meta({ format: 'uri', example: 'https://your-app.com/webhook' }),
    events: z.array(z.string()).meta({ example: ['push', 'repo.created'] }),
    active: z.boolean(),
    disabled_reason: z.string().nullable().meta({
      description:
        'Why the service turned it off: `gone`, the receiver answered 410; `failing`, no delivery succeeded for days; null otherwise.',
    }),
    deactivated_at: time.nullable().meta({
      description:
        'When it was last switched off, by whomever; null: never. A replay from then on brings what it missed.',
    }),
    headers: z.record(z.string(), z.string()).meta({
      description: 'Headers on each request, by name; values are never shown.',
      example: { Authorization: '***' },
    }),
    ed25519: z.boolean().meta({ description: 'Whether deliveries carry an ed25519 signature besides.' }),
    public_keys: z
      .array(
        z.object({
          key: z.string().meta({
            description: '`whpk_` and the base64 of 32 bytes.',
            example: 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
          }),
          expires_at: time
            .nullable()
            .meta({ description: 'Until when a rotated key signs; null for the current one.' }),
        }),
      )
      .meta({
        description:
          'Keys that verify its ed25519 signatures, the current one first; also at `/.well-known/dits-webhooks/keys/{webhook}`.',
      }),
    retry_statuses: z.array(z.number().int()).meta({ example: [408, 429] }),
    max_concurrency: z.number().int().nullable(),
    rate_limit_per_second: z.number().int().nullable(),
    send_traceparent: z.boolean().meta({ description: 'Whether requests carry a W3C `traceparent`.' }),
    previous_secret_expires_at: time.nullable().meta({
      description: 'Until when a rotated secret signs too; null when only the current one signs.',
    }),
    version: z.number().int().meta({ description: 'Counts up by one with every change.' }),
    created_at: time,
    updated_at: time,
  })
  .meta({ description: 'A registered receiver. Its secret is never shown again after it was set.' });

/** The same with its secret, in the one answer that shows it. */
export const webhookWithSecretBody = webhookBody
  .extend({
    secret: z.string().meta({ description: 'Shown this once. Keep it.', example: 'your_webhook_secret' }),
  })
  .meta({ description: 'A webhook with the secret that signs its deliveries.' });

export type WebhookBody = z.output<typeof webhookBody>;
export type WebhookWithSecretBody = z.output<typeof webhookWithSecretBody>;

/** Shows a webhook to a client. */
export function presentWebhook(webhook: Webhook, nowMs: number): WebhookBody {
  const previous = webhook.secrets
    .map(({ expires_at_ms }) => expires_at_ms)
    .filter((at) => at !== null && at > nowMs);
  return {
    id: webhook.id,
    repository_id: webhook.repositoryId,
    owner_login: webhook.ownerLogin,
    url: webhook.url,
    events: webhook.events,
    active: webhook.active,
    disabled_reason: webhook.disabledReason,
    deactivated_at: webhook.deactivatedAt?.toISOString() ?? null,
    headers: maskHeaders(webhook.headers),
    ed25519: webhook.signingKeys.length > 0,
    public_keys: signingNow(webhook.signingKeys, nowMs).map(({ public_key, expires_at_ms }) => ({
      key: public_key,
      expires_at: expires_at_ms === null ? null : new Date(expires_at_ms).toISOString(),
    })),
    retry_statuses: webhook.retryStatuses,
    max_concurrency: webhook.maxConcurrency,
    rate_limit_per_second: webhook.rateLimitPerSecond,
    send_traceparent: webhook.sendTraceparent,
    previous_secret_expires_at:
      previous.length > 0 ? new Date(Math.max(...(previous as number[]))).toISOString() : null,
    version: webhook.version,
    created_at: webhook.createdAt.toISOString(),
    updated_at: webhook.updatedAt.toISOString(),
  };
}
