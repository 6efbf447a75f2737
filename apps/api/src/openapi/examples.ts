import type { AuditEntryBody } from '../audit/audit-body.js';
import { bundledSchemas } from '@dits/contracts';
import type { DeadLetterBody, DeadLetterDetailBody } from '../dead-letters/dead-letter-body.js';
import type { DeliveryBody, DeliveryDetailBody } from '../deliveries/delivery-body.js';
import type { EventTypeBody } from '../event-types/event-type-body.js';
import type { PageBody } from '../http/page.js';
import type { DryRunBody, JobBody } from '../jobs/job-body.js';
import type { TokenBody, TokenWithSecretBody } from '../tokens/token-body.js';
import type { PingBody } from '../webhooks/ping-webhook.js';
import type { PublicKeysBody } from '../webhooks/public-keys-body.js';
import type { WebhookBody, WebhookWithSecretBody } from '../webhooks/webhook-body.js';

// What the document shows. Typed as the answers are, so that they can't grow apart.
const webhookId = '019aba1c-5d30-7c6f-9f0e-2b7f6a1d9c11';
const deliveryId = '019aba1d-0a44-8e21-b3c4-5d6e7f809112';
const eventId = '019aba1d-0a3f-7b02-8a4e-0c1d2e3f4a5b';
const push = bundledSchemas.events.find(({ event }) => event === 'push')!;

export const webhookRequestExample = {
  url: 'https://your-app.com/webhook',
  events: ['push', 'repo.created'],
  secret: 'your_webhook_secret',
  active: true,
};

export const webhookExample: WebhookBody = {
  id: webhookId,
  repository_id: 123,
  owner_login: null,
  url: 'https://your-app.com/webhook',
  events: ['push', 'repo.created'],
  active: true,
  disabled_reason: null,
  deactivated_at: null,
  headers: { Authorization: '***' },
  ed25519: true,
  public_keys: [{ key: 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=', expires_at: null }],
  retry_statuses: [],
  max_concurrency: null,
  rate_limit_per_second: null,
  send_traceparent: false,
  previous_secret_expires_at: null,
  version: 1,
  created_at: '2026-11-25T09:12:14.000Z',
  updated_at: '2026-11-25T09:12:14.000Z',
};

export const webhookWithSecretExample: WebhookWithSecretBody = {
  ...webhookExample,
  secret: 'your_webhook_secret',
};

export const publicKeysExample: PublicKeysBody = {
  keys: [
    {
      kty: 'OKP',
      crv: 'Ed25519',
      alg: 'EdDSA',
      use: 'sig',
      kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    },
  ],
};

export const pingExample: PingBody = { delivery_id: deliveryId, event_id: eventId };

export const deliveryExample: DeliveryBody = {
  id: deliveryId,
  webhook_id: webhookId,
  event_id: eventId,
  event: 'push',
  repository_id: 123,
  status: 'Delivered',
  attempts: 1,
  response_status: 200,
  error_class: null,
  next_attempt_at: null,
  failure_reason: null,
  trigger: 'event',
  deferrals: 0,
  accepted_at: '2026-11-25T09:13:00.000Z',
  redelivered_at: null,
  completed_at: '2026-11-25T09:13:00.031Z',
  updated_at: '2026-11-25T09:13:00.031Z',
};

export const redeliveredExample: DeliveryBody = {
  ...deliveryExample,
  status: 'Pending',
  trigger: 'redelivery',
  redelivered_at: '2026-11-25T10:00:00.000Z',
  completed_at: null,
  updated_at: '2026-11-25T10:00:00.000Z',
};

export const jobExample: JobBody = {
  id: '019aba4d-7c20-7a11-9d3e-5f60718293a4',
  webhook_id: webhookId,
  state: 'running',
  matched: 1200,
  redelivered: 350,
  expired: 0,
  filter: { status: 'failed', since: '2026-11-25T00:00:00.000Z', until: '2026-11-25T10:00:00.000Z' },
  rate_per_second: 100,
  cancelled_because: null,
  created_at: '2026-11-25T10:00:00.000Z',
  updated_at: '2026-11-25T10:00:03.500Z',
  finished_at: null,
};

export const replayJobExample: JobBody = {
  ...jobExample,
  filter: {
    events: ['push'],
    since: '2026-11-25T00:00:00.000Z',
    until: '2026-11-25T10:00:00.000Z',
    missed_only: false,
  },
};

export const dryRunExample: DryRunBody = { dry_run: true, matched: 1200 };

const requestHeaders = {
  'content-type': 'application/json',
  'x-dits-event': 'push',
  'x-dits-delivery': deliveryId,
  'x-dits-attempt': '1',
  'x-hub-signature-256': 'sha256=2f1c…',
};

export const deliveryDetailExample: DeliveryDetailBody = {
  ...deliveryExample,
  request: { headers: requestHeaders, body: JSON.stringify(push.example) },
  attempts: [
    {
      attempt: 1,
      trigger: 'event',
      outcome: 'delivered',
      started_at: '2026-11-25T09:13:00.012Z',
      duration_ms: 18.4,
      phases_ms: { dns: 1.1, connect: 2.3, tls: 6.2, first_byte: 8.1, body: 0.7 },
      remote_address: '203.0.113.7:443',
      request: { url: 'https://your-app.com/webhook', headers: requestHeaders },
      response: {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: 'OK',
        body_encoding: 'utf-8',
        truncated: false,
      },
      error: null,
      next_step: 'done',
      next_attempt_at: null,
      failure_reason: null,
    },
  ],
};

export const deadLetterExample: DeadLetterBody = {
  id: '019aba1d-0a44-8c0f-9e21-6a7b8c9d0e1f',
  dead_lettered_at: '2026-11-25T09:13:00.000Z',
  stage: 'router',
  reason: 'not_avro',
  error: 'does not begin with the byte 0 of the Confluent wire format',
  topic: 'dits.events',
  partition: 3,
  offset: 4711,
  key: '123',
  value_bytes: 8,
  replayed_at: null,
  replays: 0,
};

export const deadLetterDetailExample: DeadLetterDetailBody = {
  ...deadLetterExample,
  key_base64: 'MTIz',
  value_base64: 'bm90IGF2cm8=',
  headers: {
    traceparent: { text: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', base64: 'MDAt…' },
  },
  decoded: null,
  decode_error: 'does not begin with the byte 0 of the Confluent wire format',
  schema_id: null,
};

export const eventTypeExample: EventTypeBody = {
  name: 'push',
  description: push.schema.doc,
  internal: false,
  schema: { type: 'record', name: push.schema.name, namespace: push.schema.namespace, fields: [] },
  example: push.example,
};

export const tokenRequestExample = {
  name: 'ci',
  scopes: ['webhooks:read', 'webhooks:write'],
  repository_ids: [123],
  expires_at: '2027-11-25T00:00:00Z',
};

export const tokenExample: TokenBody = {
  id: '019aba1c-6e10-7d20-8c33-4455aabbccdd',
  name: 'ci',
  prefix: 'dits_Ab3d',
  scopes: ['webhooks:read', 'webhooks:write'],
  repository_ids: [123],
  owner_logins: null,
  requests_per_second: null,
  events_per_second: null,
  key_id: 'k1',
  created_at: '2026-11-25T09:00:00.000Z',
  expires_at: '2027-11-25T00:00:00.000Z',
  last_used_at: null,
};

export const tokenWithSecretExample: TokenWithSecretBody = {
  ...tokenExample,
  token: 'dits_Ab3d…',
};

export const auditEntryExample: AuditEntryBody = {
  id: '019aba2e-10f4-7b3c-8d11-92a4c6d80e55',
  at: '2026-11-25T09:31:00.852Z',
  action: 'webhook.changed',
  actor: { kind: 'token', id: tokenExample.id, name: 'ci', issuer: null },
  address: '192.0.2.7',
  request_id: '0b8a3f6e-5a34-4a41-9c0b-6b6f1e8f2c11',
  target: {
    kind: 'webhook',
    id: webhookExample.id,
    webhook_id: webhookExample.id,
    repository_id: webhookExample.repository_id,
    owner_login: null,
  },
  changes: [{ field: 'active', from: true, to: false }, { field: 'secret' }],
};

/** A last page with one item. */
export function pageExample<T>(item: T): PageBody<T> {
  return { data: [item], next_cursor: null };
}
