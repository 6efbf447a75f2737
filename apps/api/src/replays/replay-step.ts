import type { EventCatalogue } from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import { cursorOf, type EventQueries, type WebhookStore } from '@dits/persistence';
import type { JobStep, StepResult } from '../jobs/job-runner.js';
import { askAgain } from '../redeliveries/ask-again.js';
import type { RedeliveryDeps } from '../redeliveries/redelivery-deps.js';
import { eventFilterOf } from './replay-fields.js';

/** What a replay needs beside what a redelivery does. */
export type ReplayDeps = RedeliveryDeps & {
  webhooks: Pick<WebhookStore, 'findById'>;
  events: EventQueries;
  catalogue: EventCatalogue;
};

/**
 * The next part of a replay: oldest first, each event once. A delivery's id follows from event and webhook, so an event that was
 * delivered before is delivered again under the same id.
 */
export function replayStep(deps: ReplayDeps): JobStep {
  return async (tx, { webhookId, filter, cursor }, limit): Promise<StepResult> => {
    const webhook = await deps.webhooks.findById(webhookId);
    if (!webhook?.active) {
      return { kind: 'cancelled', note: webhook ? 'webhook_inactive' : 'webhook_deleted' };
    }
    const page = await deps.events.page(tx, eventFilterOf(filter, webhook, deps.catalogue), cursor, limit);
    const last = page.at(-1);
    if (!last) return { kind: 'done' };
    const wanted = page.flatMap((event) => {
      const { body, eventId, acceptedAt } = event;
      const id = deliveryId({ acceptedAtMs: acceptedAt.getTime(), eventId, webhookId });
      return body ? [{ ...event, body, webhookId, deliveryId: id }] : [];
    });
    const locked = await deps.redeliveries.lock(
      tx,
      webhookId,
      wanted.map((one) => one.deliveryId),
    );
    const stored = new Map(locked.map(({ delivery }) => [delivery.deliveryId, delivery]));
    const deliveries = wanted.map((one) => ({ ...one, stored: stored.get(one.deliveryId) ?? null }));
    await askAgain(deps, tx, deliveries, { trigger: 'replay' });
    return {
      kind: 'progress',
      progress: {
        redelivered: deliveries.length,
        expired: page.length - deliveries.length,
        cursor: cursorOf(last),
      },
    };
  };
}
