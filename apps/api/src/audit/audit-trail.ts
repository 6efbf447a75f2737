import { acceptedAtMsOfDeliveryId } from '@dits/domain';
import type { AuditChange, AuditEntry, AuditStore, Transaction, Webhook } from '@dits/persistence';
import type { Actor } from './actor.js';

/** Everything that is told of in the audit trail. */
export const AUDIT_ACTIONS = [
  'webhook.created',
  'webhook.changed',
  'webhook.deleted',
  'webhook.disabled',
  'webhook.pinged',
  'webhook.secret_rotated',
  'webhook.signing_key_rotated',
  'webhooks.sealed_anew',
  'delivery.redelivered',
  'redelivery.created',
  'redelivery.cancelled',
  'replay.created',
  'replay.cancelled',
  'dead_letters.replayed',
  'token.created',
  'token.restored',
  'token.revoked',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const TARGET_KINDS = ['webhook', 'delivery', 'job', 'dead_letter', 'token'] as const;

/** Whose webhook it is about: its id, and its repository or owner. */
export type AuditedWebhook = Pick<Webhook, 'id' | 'repositoryId' | 'ownerLogin'>;

/** One change, as the verb that makes it tells it. */
export interface Audited {
  by: Actor;
  action: AuditAction;
  /** `id` null: several, which `changes` names. */
  target: { kind: (typeof TARGET_KINDS)[number]; id: string | null };
  /** The webhook that is, or has, the target. */
  webhook?: AuditedWebhook;
  changes: AuditChange[];
}

/**
 * Tells of every change who made it and what it was, in the transaction of the change itself: neither is without the other.
 *
 * It is called by the verbs that change something, who alone know what it was before.
 */
export class AuditTrail {
  constructor(private readonly o: { entries: Pick<AuditStore, 'insert'>; newId: () => string }) {}

  /** Adds an entry. Never give it a secret, the value of a header, or a token: `changes` is kept and shown as it is. */
  async record(tx: Transaction, { by, action, target, webhook, changes }: Audited): Promise<void> {
    const id = this.o.newId();
    await this.o.entries.insert(tx, {
      id,
      at: new Date(acceptedAtMsOfDeliveryId(id)),
      action,
      actorKind: by.kind,
      actorId: by.id,
      actorName: by.name,
      actorIssuer: by.issuer,
      address: by.address,
      requestId: by.requestId,
      targetKind: target.kind,
      targetId: target.id,
      webhookId: webhook?.id ?? null,
      repositoryId: webhook?.repositoryId ?? null,
      ownerLogin: webhook?.ownerLogin ?? null,
      changes,
    } satisfies AuditEntry);
  }
}

/** The fields in which two states of a thing differ, as clients see them; null: it is not there before, or after. */
export function differences(before: object | null, after: object | null): AuditChange[] {
  const from = new Map(Object.entries<unknown>({ ...before }));
  const to = new Map(Object.entries<unknown>({ ...after }));
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((field) => {
    const change = { from: from.get(field) ?? null, to: to.get(field) ?? null };
    if (JSON.stringify(change.from) === JSON.stringify(change.to)) return [];
    return [{ field, ...(before && { from: change.from }), ...(after && { to: change.to }) }];
  });
}
