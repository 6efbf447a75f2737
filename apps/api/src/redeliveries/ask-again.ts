import type { Delivery, Redelivery, Routed } from '@dits/contracts';
import type { DeliveryRow, OutboxRecord, Transaction } from '@dits/persistence';
import { endWith, messagingAttributes, traceHeaders, type TraceContext } from '@dits/runtime';
import type { RedeliveryDeps } from './redelivery-deps.js';

/** A delivery to be made again, or for the first time by a replay. */
export interface DeliveryToMake {
  deliveryId: string;
  eventId: string;
  webhookId: string;
  event: string;
  acceptedAt: Date;
  repositoryId: number | null;
  body: Buffer;
  /** As the history has it, locked; null when it is new. */
  stored: DeliveryRow | null;
}

/**
 * Asks for deliveries anew, as part of the transaction: attempts go on counting, the schedule begins anew, the status becomes Pending.
 *
 * Where an attempt may be waiting, `dits.redeliveries` gets a record before the delivery itself is on its topic: dispatchers drop the
 * waiting one when it comes due. What is final has nothing waiting, and needs none.
 */
export async function askAgain(
  deps: RedeliveryDeps,
  tx: Transaction,
  deliveries: DeliveryToMake[],
  { trigger, trace }: { trigger: 'redelivery' | 'replay'; trace?: TraceContext | undefined },
): Promise<void> {
  const span = deps.tracing.span(`send ${deps.topics.deliveries}`, {
    kind: 'producer',
    parent: trace,
    attributes: () => ({
      ...messagingAttributes('send', { topic: deps.topics.deliveries }),
      'messaging.batch.message_count': deliveries.length,
      'dits.trigger': trigger,
    }),
  });
  const headers = traceHeaders(span.context);
  const records: OutboxRecord[] = [];
  const entries: Routed[] = [];
  for (const delivery of deliveries) {
    const { routed, toMake, replaced } = recordsOf(delivery, trigger, deps.now());
    entries.push(routed);
    const { topics, codec } = deps;
    if (replaced) {
      const key = Buffer.from(delivery.deliveryId);
      records.push({ topic: topics.redeliveries, key, value: codec.encode('redelivery', replaced) });
    }
    records.push(
      {
        topic: topics.deliveryLog,
        key: Buffer.from(delivery.eventId),
        value: codec.encode('routed', routed),
        headers,
      },
      {
        topic: topics.deliveries,
        key: Buffer.from(delivery.webhookId),
        value: codec.encode('delivery', toMake),
        headers,
      },
    );
  }
  const { redeliveries, outbox } = deps;
  await endWith(
    span,
    redeliveries.store(tx, entries).then(() => outbox.append(tx, records)),
  );
}

function recordsOf(
  delivery: DeliveryToMake,
  trigger: 'redelivery' | 'replay',
  nowMs: number,
): { routed: Routed; toMake: Delivery; replaced: Redelivery | null } {
  const { deliveryId, webhookId, stored, body } = delivery;
  // Two of one delivery are told apart by their times, whatever the clocks of two processes say.
  const redeliveredAtMs = Math.max(nowMs, (stored?.redeliveredAt?.getTime() ?? 0) + 1);
  const event = {
    event_id: delivery.eventId,
    event: delivery.event,
    accepted_at_ms: delivery.acceptedAt.getTime(),
    trigger,
    body,
  };
  return {
    routed: {
      ...event,
      routed_at_ms: redeliveredAtMs,
      repository_id: delivery.repositoryId,
      repository_full_name: null,
      deliveries: [{ delivery_id: deliveryId, webhook_id: webhookId }],
    },
    toMake: {
      ...event,
      delivery_id: deliveryId,
      webhook_id: webhookId,
      attempt: (stored?.attemptCount ?? 0) + 1,
      schedule_attempt: 1,
      deferrals: 0,
      not_before_ms: null,
      first_attempt_at_ms: null,
      redelivered_at_ms: redeliveredAtMs,
    },
    replaced:
      stored?.status === 'pending' || stored?.status === 'retrying'
        ? { delivery_id: deliveryId, redelivered_at_ms: redeliveredAtMs }
        : null,
  };
}
