import type { WebhookSnapshot } from '@dits/contracts';

/** An active webhook of repository 123 that wants `push`. */
export function aWebhook(over: Partial<WebhookSnapshot> = {}): WebhookSnapshot {
  return {
    webhook_id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
    version: 1,
    repository_id: 123,
    owner_login: null,
    url: 'https://example.com/hook',
    events: ['push'],
    active: true,
    disabled_reason: null,
    secrets: [],
    retry_statuses: [],
    max_concurrency: null,
    rate_limit_per_second: null,
    created_at_ms: 0,
    updated_at_ms: 0,
    ...over,
  };
}
