import type { SealedSecretJson, Transaction, Webhook, WebhookScope } from '@dits/persistence';
import type { Actor } from '../audit/actor.js';
import type { AuditAction } from '../audit/audit-trail.js';
import type { Answer } from '../http/answer.js';
import type { KeepAnswer } from '../http/idempotency.interceptor.js';
import { presentWebhook, type WebhookBody, type WebhookWithSecretBody } from './webhook-body.js';
import { webhookChanges } from './webhook-changes.js';
import { noWebhook, snapshotRecord, untilActive, type WebhookDeps } from './webhook-deps.js';
import { newSigningKey, noSigningKey, withNewFirst } from './signing-keys.js';
import { sealHeaders } from './webhook-headers.js';
import type { RotateFields, RotateSigningKeyFields, WebhookPatchFields } from './webhook-fields.js';

interface Target {
  scope: WebhookScope;
  id: string;
  by: Actor;
}

/** Changes what is given, and answers once the change is what the next event meets. A new secret takes the old one's place at once. */
export async function changeWebhook(
  deps: WebhookDeps,
  o: Target & { fields: WebhookPatchFields },
): Promise<WebhookBody> {
  const { fields, id } = o;
  const webhook = await change(deps, { ...o, action: 'webhook.changed' }, (locked) => {
    if (Object.keys(fields).length === 0) return false;
    locked.url = fields.url ?? locked.url;
    locked.events = fields.events ?? locked.events;
    locked.retryStatuses = fields.retry_statuses ?? locked.retryStatuses;
    if (fields.headers !== undefined) locked.headers = sealHeaders(deps.box, id, fields.headers);
    if (fields.ed25519 === false) locked.signingKeys = [];
    if (fields.ed25519 && locked.signingKeys.length === 0) locked.signingKeys = [newSigningKey(deps, id)];
    if (fields.max_concurrency !== undefined) locked.maxConcurrency = fields.max_concurrency;
    if (fields.rate_limit_per_second !== undefined) locked.rateLimitPerSecond = fields.rate_limit_per_second;
    locked.sendTraceparent = fields.send_traceparent ?? locked.sendTraceparent;
    if (fields.active !== undefined) {
      if (locked.active && !fields.active) locked.deactivatedAt = new Date(deps.now());
      locked.active = fields.active;
      locked.disabledReason = null;
    }
    if (fields.secret !== undefined) locked.secrets = [current(deps, id, fields.secret)];
    return true;
  });
  deps.log.info(
    { webhook_id: id, version: webhook.version, fields: Object.keys(fields), token_id: o.by.id },
    'webhook.changed',
  );
  await untilActive(deps, o.scope, id);
  return presentWebhook(webhook, deps.now());
}

/** Gives a webhook a new secret; the old one signs too until the overlap is over. */
export async function rotateSecret(
  deps: WebhookDeps,
  o: Target & { fields: RotateFields; keep: KeepAnswer },
): Promise<Answer<WebhookWithSecretBody>> {
  const { id } = o;
  const secret = o.fields.secret ?? deps.generateSecret();
  const nowMs = deps.now();
  const answerOf = (webhook: Webhook) => ({
    status: 200,
    headers: {},
    body: { ...presentWebhook(webhook, nowMs), secret },
  });
  const webhook = await change(
    deps,
    { ...o, action: 'webhook.secret_rotated' },
    (locked) => {
      locked.secrets = withNewFirst(locked.secrets, {
        first: current(deps, id, secret),
        nowMs,
        overlapSeconds: o.fields.overlap_seconds,
      });
      return true;
    },
    (tx, changed) => o.keep(tx, answerOf(changed)),
  );
  deps.log.info(
    {
      webhook_id: id,
      version: webhook.version,
      overlap_seconds: o.fields.overlap_seconds,
      token_id: o.by.id,
    },
    'webhook.secret_rotated',
  );
  await untilActive(deps, o.scope, id);
  return answerOf(webhook);
}

/** Gives a webhook a new ed25519 key; the old one signs too until the overlap is over. Throws a 409 when it has none. */
export async function rotateSigningKey(
  deps: WebhookDeps,
  o: Target & { fields: RotateSigningKeyFields; keep: KeepAnswer },
): Promise<Answer<WebhookBody>> {
  const { id } = o;
  const nowMs = deps.now();
  const overlapSeconds = o.fields.overlap_seconds;
  const answerOf = (webhook: Webhook) => ({ status: 200, headers: {}, body: presentWebhook(webhook, nowMs) });
  const webhook = await change(
    deps,
    { ...o, action: 'webhook.signing_key_rotated' },
    (locked) => {
      if (locked.signingKeys.length === 0) throw noSigningKey(id);
      const first = newSigningKey(deps, id);
      locked.signingKeys = withNewFirst(locked.signingKeys, { first, nowMs, overlapSeconds });
      return true;
    },
    (tx, changed) => o.keep(tx, answerOf(changed)),
  );
  deps.log.info(
    { webhook_id: id, version: webhook.version, overlap_seconds: overlapSeconds, token_id: o.by.id },
    'webhook.signing_key_rotated',
  );
  await untilActive(deps, o.scope, id);
  return answerOf(webhook);
}

/** Removes a webhook: a tombstone takes it out of router and dispatcher, and what waits for it is cancelled. */
export async function deleteWebhook(deps: WebhookDeps, { scope, id, by }: Target): Promise<void> {
  await deps.inTransaction('deleting the webhook', async (tx) => {
    const webhook = await deps.webhooks.lock(tx, scope, id);
    if (!webhook) throw noWebhook(id);
    await deps.webhooks.remove(tx, id);
    await deps.outbox.append(tx, [{ topic: deps.topics.webhooks, key: Buffer.from(id), value: null }]);
    const changes = webhookChanges(webhook, null, deps.now());
    await deps.audit.record(tx, {
      by,
      action: 'webhook.deleted',
      target: { kind: 'webhook', id },
      webhook,
      changes,
    });
  });
  deps.log.info({ webhook_id: id, token_id: by.id }, 'webhook.deleted');
  await untilActive(deps, scope, id);
}

function change(
  deps: WebhookDeps,
  { scope, id, by, action }: Target & { action: AuditAction },
  edit: (locked: Webhook) => boolean,
  also: (tx: Transaction, changed: Webhook) => Promise<void> = () => Promise.resolve(),
): Promise<Webhook> {
  return deps.inTransaction('changing the webhook', async (tx) => {
    // The lock puts the outbox rows of one webhook in the order of its versions.
    const webhook = await deps.webhooks.lock(tx, scope, id);
    if (!webhook) throw noWebhook(id);
    const before = { ...webhook };
    if (edit(webhook)) {
      webhook.version += 1;
      webhook.updatedAt = new Date(deps.now());
      await deps.webhooks.update(tx, webhook);
      await deps.outbox.append(tx, [snapshotRecord(deps, webhook)]);
      const changes = webhookChanges(before, webhook, deps.now());
      await deps.audit.record(tx, { by, action, target: { kind: 'webhook', id }, webhook, changes });
    }
    await also(tx, webhook);
    return webhook;
  });
}

function current({ box }: WebhookDeps, id: string, secret: string): SealedSecretJson {
  return { sealed: box.seal(secret, id), expires_at_ms: null };
}
