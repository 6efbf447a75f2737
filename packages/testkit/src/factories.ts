import { randomUUID } from 'node:crypto';
import type { Delivery, WebhookSnapshot } from '@dits/contracts';

/** A delivery about to be attempted for the first time; a test names only what it is about. */
export function aDelivery(change: Partial<Delivery> = {}): Delivery {
  return {
    delivery_id: randomUUID(),
    event_id: randomUUID(),
    webhook_id: randomUUID(),
    event: 'push',
    accepted_at_ms: Date.parse('2026-11-25T09:12:14.000Z'),
    body: Buffer.from('{"event":"push"}'),
    attempt: 1,
    schedule_attempt: 1,
    deferrals: 0,
    not_before_ms: null,
    first_attempt_at_ms: null,
    trigger: 'event',
    redelivered_at_ms: null,
    ...change,
  };
}

/** An active webhook of repository 123 that wants pushes. It has no secret: seal one with the key of the process under test. */
export function aWebhook(change: Partial<WebhookSnapshot> = {}): WebhookSnapshot {
  return {
    webhook_id: randomUUID(),
    version: 1,
    repository_id: 123,
    owner_login: null,
    url: 'http://127.0.0.1:9/webhook',
    events: ['push'],
    active: true,
    disabled_reason: null,
    secrets: [],
    retry_statuses: [],
    max_concurrency: null,
    rate_limit_per_second: null,
    deactivated_at_ms: null,
    created_at_ms: Date.parse('2026-11-25T09:00:00.000Z'),
    updated_at_ms: Date.parse('2026-11-25T09:00:00.000Z'),
    ...change,
  };
}
