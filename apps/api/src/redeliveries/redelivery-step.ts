import type { WebhookStore } from '@dits/persistence';
import type { JobStep, StepResult } from '../jobs/job-runner.js';
import { askAgain } from './ask-again.js';
import type { RedeliveryDeps } from './redelivery-deps.js';
import { readFilter } from './redelivery-fields.js';

/** The next part of a job that asks for deliveries again: oldest first, each once. */
export function redeliveryStep(deps: RedeliveryDeps & { webhooks: Pick<WebhookStore, 'findById'> }): JobStep {
  return async (tx, { webhookId, filter, cursor }, limit): Promise<StepResult> => {
    const webhook = await deps.webhooks.findById(webhookId);
    if (!webhook?.active) {
      return { kind: 'cancelled', note: webhook ? 'webhook_inactive' : 'webhook_deleted' };
    }
    const page = await deps.redeliveries.lockPage(tx, {
      webhookId,
      filter: readFilter(filter),
      after: cursor,
      limit,
    });
    const last = page.at(-1);
    if (!last) return { kind: 'done' };
    const kept = page.flatMap(({ delivery: stored, body }) => (body ? [{ ...stored, body, stored }] : []));
    await askAgain(deps, tx, kept, { trigger: 'redelivery' });
    return {
      kind: 'progress',
      progress: {
        redelivered: kept.length,
        expired: page.length - kept.length,
        cursor: last.delivery.deliveryId,
      },
    };
  };
}
