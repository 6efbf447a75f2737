import type { Delivery, WebhookDisabled } from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import type { OutboxRecord, Webhook } from '@dits/persistence';
import { SYSTEM } from '../audit/actor.js';
import { webhookChanges } from '../webhooks/webhook-changes.js';
import { snapshotRecord, type WebhookDeps } from '../webhooks/webhook-deps.js';

/** Why the service itself switches a webhook off. */
export type DisabledReason = 'gone' | 'failing';

/** Name of the event that tells of it. */
export const DISABLED_EVENT = 'webhook.disabled';

/**
 * Switches a webhook off, and tells the active webhooks of the same scope that name `webhook.disabled`. False when it is off
 * already, or was changed after the time of what is held against it.
 */
export async function disableWebhook(
  deps: WebhookDeps,
  o: { id: string; reason: DisabledReason; evidenceAt: Date; failingSince: Date | null },
): Promise<boolean> {
  const { id, reason } = o;
  const isDisabled = await deps.inTransaction('disabling a webhook', async (tx) => {
    const webhook = await deps.webhooks.lockById(tx, id);
    if (!webhook?.active || webhook.updatedAt >= o.evidenceAt) return false;
    const now = new Date(deps.now());
    const before = { ...webhook };
    webhook.active = false;
    webhook.disabledReason = reason;
    webhook.deactivatedAt = now;
    webhook.updatedAt = now;
    webhook.version += 1;
    await deps.webhooks.update(tx, webhook);
    const told = await deps.webhooks.naming(tx, scopeOf(webhook), DISABLED_EVENT);
    await deps.outbox.append(tx, [
      snapshotRecord(deps, webhook),
      ...eventRecords(deps, { webhook, told, now, failingSince: o.failingSince }),
    ]);
    await deps.audit.record(tx, {
      by: SYSTEM,
      action: 'webhook.disabled',
      target: { kind: 'webhook', id },
      webhook,
      changes: webhookChanges(before, webhook, now.getTime()),
    });
    return true;
  });
  if (isDisabled) {
    deps.log.info({ webhook_id: id, reason, failing_since: o.failingSince }, 'webhook.disabled');
    deps.kick();
  }
  return isDisabled;
}

function scopeOf({ repositoryId, ownerLogin }: Webhook) {
  return repositoryId === null
    ? { repositoryId: null, ownerLogin: ownerLogin! }
    : { repositoryId, ownerLogin: null };
}

/** As a ping, it does not pass `dits.events`: the records that the router writes for an event are written here. */
function eventRecords(
  { codec, topics, newId }: WebhookDeps,
  o: { webhook: Webhook; told: Webhook[]; now: Date; failingSince: Date | null },
): OutboxRecord[] {
  const { webhook, told, now } = o;
  const eventId = newId();
  const acceptedAtMs = now.getTime();
  const event = {
    event_id: eventId,
    event: DISABLED_EVENT,
    accepted_at_ms: acceptedAtMs,
    trigger: 'event' as const,
    body: Buffer.from(JSON.stringify(disabledBody({ ...o, eventId }))),
  };
  const deliveries = told.map(({ id }) => ({
    delivery_id: deliveryId({ acceptedAtMs, eventId, webhookId: id }),
    webhook_id: id,
  }));
  const routed = codec.encode('routed', {
    ...event,
    routed_at_ms: acceptedAtMs,
    repository_id: webhook.repositoryId,
    repository_full_name: null,
    deliveries,
  });
  const firstAttempt = (which: (typeof deliveries)[number]): Delivery => ({
    ...event,
    ...which,
    attempt: 1,
    schedule_attempt: 1,
    deferrals: 0,
    not_before_ms: null,
    first_attempt_at_ms: null,
    redelivered_at_ms: null,
  });
  return [
    { topic: topics.deliveryLog, key: Buffer.from(eventId), value: routed },
    ...deliveries.map((which) => ({
      topic: topics.deliveries,
      key: Buffer.from(which.webhook_id),
      value: codec.encode('delivery', firstAttempt(which)),
    })),
  ];
}

/** The body of the event, in the order of its schema; absent values are absent. */
export function disabledBody(o: {
  webhook: Webhook;
  now: Date;
  failingSince: Date | null;
  eventId: string;
}): { event: string } & WebhookDisabled {
  const { webhook, now, failingSince, eventId } = o;
  return {
    event: DISABLED_EVENT,
    webhook: {
      id: webhook.id,
      ...(webhook.repositoryId === null
        ? { owner_login: webhook.ownerLogin }
        : { repository_id: webhook.repositoryId }),
      url: webhook.url,
      events: webhook.events,
    },
    reason: webhook.disabledReason!,
    ...(failingSince && { failing_since: failingSince.toISOString() }),
    event_id: eventId,
    occurred_at: now.toISOString(),
  };
}
