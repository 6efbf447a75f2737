import type { WebhookHealth } from '@dits/persistence';
import { counter } from '@dits/runtime';
import type { WebhookDeps } from '../webhooks/webhook-deps.js';
import { disableWebhook, type DisabledReason } from './disable-webhook.js';

/** What watching the webhooks needs. */
export type WatchDeps = WebhookDeps & {
  health: WebhookHealth;
  /** Days of failing without one success after which a webhook is switched off; 0: never. */
  disableAfterDays: number;
};

const disabled = counter({
  name: 'dits_webhooks_disabled_total',
  help: 'Webhooks that the service switched off, by reason: gone, failing.',
  labelNames: ['reason'],
  zeros: [{ reason: 'gone' }, { reason: 'failing' }],
});

const DAY_MS = 86_400_000;

/** Switches off the webhooks whose receiver is gone. Any number of processes may do so at once. */
export async function disableGone(deps: WatchDeps): Promise<void> {
  for (const { id, goneAt } of await deps.health.gone()) {
    await disable(deps, { id, reason: 'gone', evidenceAt: goneAt, failingSince: null });
  }
}

/** Switches off the webhooks that have been failing for too long. */
export async function disableFailing(deps: WatchDeps): Promise<void> {
  if (deps.disableAfterDays === 0) return;
  const spanMs = deps.disableAfterDays * DAY_MS;
  const now = new Date(deps.now());
  for (const { id, failingSince } of await deps.health.failing({ spanMs, now })) {
    await disable(deps, { id, reason: 'failing', evidenceAt: failingSince, failingSince });
  }
}

async function disable(deps: WatchDeps, o: Parameters<typeof disableWebhook>[1]): Promise<void> {
  if (await disableWebhook(deps, o)) disabled.inc({ reason: o.reason satisfies DisabledReason });
}
