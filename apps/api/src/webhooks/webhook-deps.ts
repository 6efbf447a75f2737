import type { TopicNames } from '@dits/contracts';
import type { Codec } from '@dits/kafka';
import type {
  Outbox,
  OutboxRecord,
  SealedSigningKeyJson,
  Transaction,
  Webhook,
  WebhookScope,
  WebhookStore,
} from '@dits/persistence';
import { ProblemException, type Logger } from '@dits/runtime';
import type { SecretBox, SigningKeyPair } from '@dits/signing';
import type { AuditTrail } from '../audit/audit-trail.js';
import { pathOf } from '../http/scope.js';

/** What changing webhooks needs. */
export interface WebhookDeps {
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  webhooks: WebhookStore;
  outbox: Pick<Outbox, 'append'>;
  audit: Pick<AuditTrail, 'record'>;
  /** True when whatever comes next meets everything committed until now; false when that takes too long. */
  confirmed: () => Promise<boolean>;
  /** Has the outbox relayed now, without waiting for it. */
  kick: () => void;
  codec: Pick<Codec, 'encode'>;
  topics: TopicNames;
  /** Seals secrets with the webhook's id as associated text. */
  box: Pick<SecretBox, 'seal'>;
  generateSecret: () => string;
  generateSigningKey: () => SigningKeyPair;
  /** A new UUIDv7. */
  newId: () => string;
  now: () => number;
  log: Pick<Logger, 'info'>;
}

export const WEBHOOK_DEPS = Symbol('WEBHOOK_DEPS');

/** The record that tells router and dispatcher how a webhook is now. */
export function snapshotRecord(
  { codec, topics }: Pick<WebhookDeps, 'codec' | 'topics'>,
  webhook: Webhook,
): OutboxRecord {
  return {
    topic: topics.webhooks,
    key: Buffer.from(webhook.id),
    value: codec.encode('webhook', {
      webhook_id: webhook.id,
      version: webhook.version,
      repository_id: webhook.repositoryId,
      owner_login: webhook.ownerLogin,
      url: webhook.url,
      events: webhook.events,
      active: webhook.active,
      disabled_reason: webhook.disabledReason,
      secrets: webhook.secrets,
      headers: webhook.headers.length > 0 ? webhook.headers : null,
      signing_keys: webhook.signingKeys.length > 0 ? webhook.signingKeys.map(privateHalf) : null,
      retry_statuses: webhook.retryStatuses,
      max_concurrency: webhook.maxConcurrency,
      rate_limit_per_second: webhook.rateLimitPerSecond,
      send_traceparent: webhook.sendTraceparent || null,
      deactivated_at_ms: webhook.deactivatedAt?.getTime() ?? null,
      created_at_ms: webhook.createdAt.getTime(),
      updated_at_ms: webhook.updatedAt.getTime(),
    }),
  };
}

const privateHalf = ({ sealed, expires_at_ms }: SealedSigningKeyJson) => ({ sealed, expires_at_ms });

/** The 404 of a webhook that is not in its scope. */
export function noWebhook(id: string): ProblemException {
  return new ProblemException(404, { detail: `There is no webhook ${id} here.`, code: 'webhook_not_found' });
}

/** Waits until the next event meets a stored change. Throws a 503 when that takes too long. */
export async function untilActive(deps: WebhookDeps, scope: WebhookScope, id: string): Promise<void> {
  if (await deps.confirmed()) return;
  throw new ProblemException(503, {
    detail: `The change of webhook ${id} is stored and becomes active by itself, but it is not active yet.`,
    code: 'stored_not_active',
    instance: `${pathOf(scope)}/${id}`,
    headers: { 'retry-after': '5' },
  });
}
