import type { WebhookSnapshot } from '@dits/contracts';
import { patternsOf } from './event-pattern.js';

/** A webhook was deleted. */
export interface WebhookTombstone {
  webhook_id: string;
  deleted: true;
}

/** What a match asks. */
export interface EventScope {
  event: string;
  repositoryId: number;
  /** Lower case. */
  ownerLogin: string;
}

/**
 * All webhooks, in memory, as `dits.webhooks` has them.
 *
 * All records of a webhook lie on one partition and are applied in its order. So after a tombstone no older snapshot
 * can follow, and the table forgets the webhook and its version altogether.
 */
export class KnownWebhooks {
  private readonly byId = new Map<string, WebhookSnapshot>();

  /** Number of webhooks, inactive ones included. */
  get size(): number {
    return this.byId.size;
  }

  /** The webhook as it is now, also when inactive. */
  get(webhookId: string): WebhookSnapshot | undefined {
    return this.byId.get(webhookId);
  }

  /**
   * Takes in a record of `dits.webhooks`. A snapshot of a lower version than the one held changes nothing.
   * Returns whether anything changed.
   */
  apply(change: WebhookSnapshot | WebhookTombstone): boolean {
    const held = this.byId.get(change.webhook_id);
    if ('deleted' in change) {
      if (!held) return false;
      this.byId.delete(held.webhook_id);
      return true;
    }
    if (held && change.version < held.version) return false;
    this.byId.set(change.webhook_id, compact(change));
    return true;
  }
}

/** The same in three quarters of the memory: arrays that a decoder fills one by one have room for 17 items each. */
function compact(webhook: WebhookSnapshot): WebhookSnapshot {
  const { events, secrets, retry_statuses, headers, signing_keys } = webhook;
  return {
    ...webhook,
    events: events.slice(),
    secrets: secrets.slice(),
    retry_statuses: retry_statuses.slice(),
    ...(headers && { headers: headers.slice() }),
    ...(signing_keys && { signing_keys: signing_keys.slice() }),
  };
}

/**
 * {@link KnownWebhooks} that can be matched: for those who route.
 *
 * A match looks up the few patterns that take the event, under its repository and its owner: its cost depends on how
 * many webhooks match, not on how many there are.
 */
export class WebhookTable extends KnownWebhooks {
  /** Scope and pattern to the active webhooks that have both. Most have one: it is then kept without a set. */
  private readonly index = new Map<string, WebhookSnapshot | Set<WebhookSnapshot>>();

  override apply(change: WebhookSnapshot | WebhookTombstone): boolean {
    const held = this.get(change.webhook_id);
    if (!super.apply(change)) return false;
    if (held) this.removeFromIndex(held);
    const now = this.get(change.webhook_id);
    if (now) this.addToIndex(now);
    return true;
  }

  /** The active webhooks that want an event, each once, in no promised order. */
  match({ event, repositoryId, ownerLogin }: EventScope): WebhookSnapshot[] {
    const found = new Set<WebhookSnapshot>();
    for (const pattern of patternsOf(event)) {
      for (const scope of [repositoryScope(repositoryId), ownerScope(ownerLogin)]) {
        const entry = this.index.get(indexKey(scope, pattern));
        if (entry instanceof Set) for (const webhook of entry) found.add(webhook);
        else if (entry) found.add(entry);
      }
    }
    return [...found];
  }

  private addToIndex(webhook: WebhookSnapshot): void {
    for (const key of indexKeysOf(webhook)) {
      const entry = this.index.get(key);
      if (!entry) this.index.set(key, webhook);
      else if (entry instanceof Set) entry.add(webhook);
      else this.index.set(key, new Set([entry, webhook]));
    }
  }

  private removeFromIndex(webhook: WebhookSnapshot): void {
    for (const key of indexKeysOf(webhook)) {
      const entry = this.index.get(key);
      if (entry instanceof Set) entry.delete(webhook);
      if (entry === webhook || (entry instanceof Set && entry.size === 0)) this.index.delete(key);
    }
  }
}

/** Where a webhook stands in the index: nowhere while inactive. */
function indexKeysOf(webhook: WebhookSnapshot): Set<string> {
  const keys = new Set<string>();
  if (!webhook.active) return keys;
  const scopes: string[] = [];
  if (webhook.repository_id != null) scopes.push(repositoryScope(webhook.repository_id));
  if (webhook.owner_login != null) scopes.push(ownerScope(webhook.owner_login.toLowerCase()));
  for (const scope of scopes) for (const pattern of webhook.events) keys.add(indexKey(scope, pattern));
  return keys;
}

const repositoryScope = (id: number) => `r${id}`;
const ownerScope = (login: string) => `o${login}`;
const indexKey = (scope: string, pattern: string) => `${scope}\n${pattern}`;
