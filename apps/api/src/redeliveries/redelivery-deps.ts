import type { TopicNames } from '@dits/contracts';
import type { Codec } from '@dits/kafka';
import type { Outbox, RedeliveryStore, Transaction, Webhook, WebhookStore } from '@dits/persistence';
import type { AuditTrail } from '../audit/audit-trail.js';
import { ProblemException, type Logger, type Tracing } from '@dits/runtime';

/** What asking for deliveries again needs. */
export interface RedeliveryDeps {
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  webhooks: Pick<WebhookStore, 'find'>;
  redeliveries: RedeliveryStore;
  outbox: Pick<Outbox, 'append'>;
  audit: Pick<AuditTrail, 'record'>;
  /** Has the outbox relayed now, without waiting for it. */
  kick: () => void;
  codec: Pick<Codec, 'encode'>;
  topics: TopicNames;
  tracing: Tracing;
  now: () => number;
  log: Pick<Logger, 'info'>;
}

export const REDELIVERY_DEPS = Symbol('REDELIVERY_DEPS');

/** Throws a 409 for a webhook that is switched off: what is asked for would only be cancelled. */
export function mustBeActive(webhook: Webhook): void {
  if (webhook.active) return;
  throw new ProblemException(409, {
    detail: `Webhook ${webhook.id} is switched off, and nothing is delivered to it. Set "active" to true first.`,
    code: 'webhook_inactive',
  });
}
