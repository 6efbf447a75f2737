import { Webhook, type WebhookScope } from '@dits/persistence';
import type { Actor } from '../audit/actor.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { pathOf } from '../http/scope.js';
import { presentWebhook, type WebhookWithSecretBody } from './webhook-body.js';
import { sealHeaders } from './webhook-headers.js';
import { webhookChanges } from './webhook-changes.js';
import { newSigningKey } from './signing-keys.js';
import { snapshotRecord, untilActive, type WebhookDeps } from './webhook-deps.js';
import type { WebhookCreateFields } from './webhook-fields.js';

/**
 * Stores a webhook and answers 201 only once its snapshot is durable on `dits.webhooks`: an event posted after the
 * 201 is matched against it.
 */
export async function createWebhook(
  deps: WebhookDeps,
  o: { scope: WebhookScope; fields: WebhookCreateFields; by: Actor; keep: KeepAnswer },
): Promise<Answer<WebhookWithSecretBody>> {
  const id = deps.newId();
  const now = new Date(deps.now());
  const secret = o.fields.secret ?? deps.generateSecret();
  const webhook = Object.assign(new Webhook(), {
    id,
    ...o.scope,
    url: o.fields.url,
    events: o.fields.events,
    active: o.fields.active,
    disabledReason: null,
    deactivatedAt: null,
    secrets: [{ sealed: deps.box.seal(secret, id), expires_at_ms: null }],
    signingKeys: o.fields.ed25519 ? [newSigningKey(deps, id)] : [],
    headers: sealHeaders(deps.box, id, o.fields.headers),
    retryStatuses: o.fields.retry_statuses,
    maxConcurrency: o.fields.max_concurrency,
    rateLimitPerSecond: o.fields.rate_limit_per_second,
    sendTraceparent: o.fields.send_traceparent,
    version: 1,
    createdAt: now,
    updatedAt: now,
  } satisfies Webhook);
  const answer = {
    status: 201,
    headers: { location: `${pathOf(o.scope)}/${id}` },
    body: { ...presentWebhook(webhook, now.getTime()), secret },
  };
  await deps.inTransaction('creating the webhook', async (tx) => {
    await deps.webhooks.insert(tx, webhook);
    await deps.outbox.append(tx, [snapshotRecord(deps, webhook)]);
    await deps.audit.record(tx, {
      by: o.by,
      action: 'webhook.created',
      target: { kind: 'webhook', id },
      webhook,
      changes: webhookChanges(null, webhook, now.getTime()),
    });
    await o.keep(tx, answer);
  });
  deps.log.info(
    {
      webhook_id: id,
      repository_id: webhook.repositoryId,
      owner_login: webhook.ownerLogin,
      events: webhook.events,
      active: webhook.active,
      token_id: o.by.id,
    },
    'webhook.created',
  );
  await untilActive(deps, o.scope, id);
  return answer;
}
