import type { AuditChange, Webhook } from '@dits/persistence';
import { differences } from '../audit/audit-trail.js';
import { presentWebhook } from './webhook-body.js';

// What says which webhook it is, and follows from any change.
const NOT_TOLD = new Set([
  'id',
  'repository_id',
  'owner_login',
  'version',
  'created_at',
  'updated_at',
  'deactivated_at',
]);

/**
 * What is different about a webhook, for the audit trail; null: it is not there before, or after. Of the secret, header values and private
 * keys only that they changed.
 */
export function webhookChanges(before: Webhook | null, after: Webhook | null, nowMs: number): AuditChange[] {
  const changes = differences(before && shown(before, nowMs), after && shown(after, nowMs));
  // A new value under the same name looks the same from outside.
  const areHeadersNew = sealedOf(before?.headers) !== sealedOf(after?.headers);
  if (areHeadersNew && !changes.some(({ field }) => field === 'headers')) changes.push({ field: 'headers' });
  if (before?.secrets[0]?.sealed !== after?.secrets[0]?.sealed) changes.push({ field: 'secret' });
  return changes;
}

/** What clients see of a webhook: never a secret. */
function shown(webhook: Webhook, nowMs: number): object {
  const fields = Object.entries(presentWebhook(webhook, nowMs));
  return Object.fromEntries(fields.filter(([name]) => !NOT_TOLD.has(name)));
}

const sealedOf = (headers: Webhook['headers'] = []): string => JSON.stringify(headers);
