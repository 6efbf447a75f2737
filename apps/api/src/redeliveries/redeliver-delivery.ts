import { isDeliveryId, type WebhookScope } from '@dits/persistence';
import { ProblemException, type TraceContext } from '@dits/runtime';
import type { Actor } from '../audit/actor.js';
import { noDelivery, presentDelivery, type DeliveryBody } from '../deliveries/delivery-body.js';
import { differences } from '../audit/audit-trail.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { pathOf } from '../http/scope.js';
import { noWebhook } from '../webhooks/webhook-deps.js';
import { askAgain } from './ask-again.js';
import { mustBeActive, type RedeliveryDeps } from './redelivery-deps.js';

/**
 * Asks for one delivery again, whatever its status. Throws 404, 409 when the webhook is switched off, and 410 when the body of
 * its event is no longer kept.
 */
export async function redeliverDelivery(
  deps: RedeliveryDeps,
  o: {
    scope: WebhookScope;
    id: string;
    deliveryId: string;
    by: Actor;
    keep: KeepAnswer;
    trace: TraceContext | undefined;
  },
): Promise<Answer<DeliveryBody>> {
  const { scope, id: webhookId } = o;
  const deliveryId = o.deliveryId.toLowerCase();
  const webhook = await deps.webhooks.find(scope, webhookId);
  if (!webhook) throw noWebhook(webhookId);
  if (!isDeliveryId(deliveryId)) throw noDelivery(webhookId, o.deliveryId);
  mustBeActive(webhook);
  const answer = await deps.inTransaction('redelivering', async (tx) => {
    const [locked] = await deps.redeliveries.lock(tx, webhookId, [deliveryId]);
    if (!locked) throw noDelivery(webhookId, deliveryId);
    const { delivery: stored, body } = locked;
    if (!body) {
      throw new ProblemException(410, {
        detail: `The body of event ${stored.eventId} is no longer kept, so it can not be delivered again.`,
        code: 'body_expired',
      });
    }
    await askAgain(deps, tx, [{ ...stored, body, stored }], { trigger: 'redelivery', trace: o.trace });
    const [pending] = await deps.redeliveries.lock(tx, webhookId, [deliveryId]);
    const accepted = {
      status: 202,
      headers: { location: `${pathOf(scope)}/${webhookId}/deliveries/${deliveryId}` },
      body: presentDelivery(pending!.delivery),
    };
    await deps.audit.record(tx, {
      by: o.by,
      action: 'delivery.redelivered',
      target: { kind: 'delivery', id: deliveryId },
      webhook,
      changes: differences({ status: stored.status }, { status: pending!.delivery.status }),
    });
    await o.keep(tx, accepted);
    return accepted;
  });
  deps.log.info(
    { webhook_id: webhookId, delivery_id: deliveryId, token_id: o.by.id },
    'delivery.redelivered',
  );
  deps.kick();
  return answer;
}
