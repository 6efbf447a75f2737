import { deliveryId } from '@dits/domain';
import type { WebhookScope } from '@dits/persistence';
import { z } from 'zod';
import type { Actor } from '../audit/actor.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { pathOf } from '../http/scope.js';
import { noWebhook, type WebhookDeps } from './webhook-deps.js';

/** What a ping answers. */
export const pingBody = z
  .object({
    delivery_id: z.uuid().meta({ description: 'Look it up below …/deliveries.' }),
    event_id: z.uuid(),
  })
  .meta({ description: 'The test delivery that was asked for.' });

export type PingBody = z.output<typeof pingBody>;

/**
 * Sends a test delivery: event `ping`, signed and recorded like any other. It does not pass `dits.events`, so the two
 * records that the router writes for an event are written here.
 */
export async function pingWebhook(
  deps: WebhookDeps,
  o: { scope: WebhookScope; id: string; by: Actor; keep: KeepAnswer },
): Promise<Answer<PingBody>> {
  const { scope, id: webhookId } = o;
  const nowMs = deps.now();
  const eventId = deps.newId();
  const delivery = deliveryId({ acceptedAtMs: nowMs, eventId, webhookId });
  const body = Buffer.from(
    JSON.stringify({
      event: 'ping',
      ...(scope.repositoryId !== null && { repository: { id: scope.repositoryId } }),
      webhook_id: webhookId,
      event_id: eventId,
      occurred_at: new Date(nowMs).toISOString(),
    }),
  );
  const event = { event_id: eventId, event: 'ping', accepted_at_ms: nowMs, trigger: 'ping' as const, body };
  const routed = deps.codec.encode('routed', {
    ...event,
    routed_at_ms: nowMs,
    repository_id: scope.repositoryId,
    repository_full_name: null,
    deliveries: [{ delivery_id: delivery, webhook_id: webhookId }],
  });
  const toSend = deps.codec.encode('delivery', {
    ...event,
    delivery_id: delivery,
    webhook_id: webhookId,
    attempt: 1,
    schedule_attempt: 1,
    deferrals: 0,
    not_before_ms: null,
    first_attempt_at_ms: null,
  });
  const answer = {
    status: 202,
    headers: { location: `${pathOf(scope)}/${webhookId}/deliveries/${delivery}` },
    body: { delivery_id: delivery, event_id: eventId },
  };
  await deps.inTransaction('pinging the webhook', async (tx) => {
    const webhook = await deps.webhooks.lock(tx, scope, webhookId);
    if (!webhook) throw noWebhook(webhookId);
    await deps.outbox.append(tx, [
      { topic: deps.topics.deliveryLog, key: Buffer.from(eventId), value: routed },
      { topic: deps.topics.deliveries, key: Buffer.from(webhookId), value: toSend },
    ]);
    await deps.audit.record(tx, {
      by: o.by,
      action: 'webhook.pinged',
      target: { kind: 'delivery', id: delivery },
      webhook,
      changes: [],
    });
    await o.keep(tx, answer);
  });
  deps.log.info(
    { webhook_id: webhookId, delivery_id: delivery, event_id: eventId, token_id: o.by.id },
    'webhook.pinged',
  );
  // No wait: the delivery is stored, and that is all that 202 says.
  deps.kick();
  return answer;
}
