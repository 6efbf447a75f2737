import type { WebhookSnapshot } from '@dits/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { matchesPattern } from './event-pattern.js';
import { aWebhook } from './testing/a-webhook.js';
import { KnownWebhooks, WebhookTable, type EventScope } from './webhook-table.js';

const push: EventScope = { event: 'push', repositoryId: 123, ownerLogin: 'user' };

function tableOf(...webhooks: WebhookSnapshot[]): WebhookTable {
  const table = new WebhookTable();
  for (const webhook of webhooks) table.apply(webhook);
  return table;
}

const matchedIds = (table: WebhookTable, scope: Partial<EventScope> = {}) =>
  table
    .match({ ...push, ...scope })
    .map((webhook) => webhook.webhook_id)
    .sort();

describe('KnownWebhooks', () => {
  it('has each webhook as the newest of its records has it, and forgets those that were deleted', () => {
    const known = new KnownWebhooks();
    const first = aWebhook({ version: 1 });
    const { webhook_id } = first;
    expect(known.apply(first)).toBe(true);
    expect(known.apply({ ...first, version: 3, active: false })).toBe(true);
    expect(known.apply({ ...first, version: 2 })).toBe(false);
    expect(known.get(webhook_id)).toMatchObject({ version: 3, active: false });
    expect(known.apply({ webhook_id, deleted: true })).toBe(true);
    expect(known.apply({ webhook_id, deleted: true })).toBe(false);
    expect(known.get(webhook_id)).toBeUndefined();
    expect(known.size).toBe(0);
  });

  it('keeps lists of its own, as long as their items need, and not those that were decoded', () => {
    const known = new KnownWebhooks();
    const secret = { sealed: 'v1.k1.sealed' };
    const webhook = aWebhook({
      events: ['push', 'lock.*'],
      secrets: [secret],
      retry_statuses: [409],
      headers: [{ name: 'X-Team', sealed: 'v1.k1.sealed' }],
      signing_keys: [secret],
    });
    known.apply(webhook);
    const held = known.get(webhook.webhook_id)!;
    expect(held).toEqual(webhook);
    for (const [name, value] of Object.entries(webhook)) {
      if (Array.isArray(value))
        expect([name, held[name as keyof WebhookSnapshot] === value]).toEqual([name, false]);
    }
  });
});

describe('WebhookTable', () => {
  it('matches by repository, by owner in any case, and by event', () => {
    const table = tableOf(
      aWebhook({ webhook_id: 'repo' }),
      aWebhook({ webhook_id: 'owner', repository_id: null, owner_login: 'User', events: ['*'] }),
      aWebhook({ webhook_id: 'other-repo', repository_id: 124 }),
      aWebhook({ webhook_id: 'other-owner', repository_id: null, owner_login: 'users' }),
      aWebhook({ webhook_id: 'other-event', events: ['push.*', 'repo.created'] }),
    );
    expect(matchedIds(table)).toEqual(['owner', 'repo']);
    expect(matchedIds(table, { event: 'push.tag' })).toEqual(['other-event', 'owner']);
    expect(matchedIds(table, { repositoryId: 124, ownerLogin: 'nobody' })).toEqual(['other-repo']);
  });

  it('keeps repository 0 and very large ids apart', () => {
    const table = tableOf(
      aWebhook({ webhook_id: 'zero', repository_id: 0 }),
      aWebhook({ webhook_id: 'max', repository_id: Number.MAX_SAFE_INTEGER }),
      aWebhook({ webhook_id: 'almost', repository_id: Number.MAX_SAFE_INTEGER - 1 }),
    );
    expect(matchedIds(table, { repositoryId: 0 })).toEqual(['zero']);
    expect(matchedIds(table, { repositoryId: Number.MAX_SAFE_INTEGER })).toEqual(['max']);
  });

  it('names a webhook once however many of its patterns and scopes match', () => {
    const table = tableOf(aWebhook({ owner_login: 'user', events: ['push.tag', 'push.*', '*', 'push.tag'] }));
    expect(table.match({ ...push, event: 'push.tag' })).toHaveLength(1);
  });

  it('never matches an inactive webhook, and still knows it', () => {
    const table = tableOf(aWebhook({ webhook_id: 'off', active: false }));
    expect(matchedIds(table)).toEqual([]);
    expect(table.get('off')).toMatchObject({ active: false });
    expect(table.size).toBe(1);
  });

  it('replaces a webhook whole: new events, scope and state', () => {
    const table = tableOf(aWebhook(), aWebhook({ version: 2, events: ['repo.created'], repository_id: 9 }));
    expect(matchedIds(table)).toEqual([]);
    expect(matchedIds(table, { event: 'repo.created', repositoryId: 9 })).toHaveLength(1);
    table.apply(aWebhook({ version: 3, active: false, repository_id: 9, events: ['repo.created'] }));
    expect(matchedIds(table, { event: 'repo.created', repositoryId: 9 })).toEqual([]);
  });

  it('never lets a lower version replace a higher one', () => {
    const table = tableOf(aWebhook({ version: 5, url: 'https://new.example' }));
    expect(table.apply(aWebhook({ version: 4, url: 'https://old.example' }))).toBe(false);
    expect(table.get(aWebhook().webhook_id)?.url).toBe('https://new.example');
    expect(table.match(push)[0]?.url).toBe('https://new.example');
  });

  it('forgets a webhook at its tombstone', () => {
    const table = tableOf(aWebhook({ webhook_id: 'a' }), aWebhook({ webhook_id: 'b' }));
    expect(table.apply({ webhook_id: 'a', deleted: true })).toBe(true);
    expect(table.apply({ webhook_id: 'a', deleted: true })).toBe(false);
    expect(table.get('a')).toBeUndefined();
    expect(matchedIds(table)).toEqual(['b']);
  });

  it('matches as a plain search over the last state of each webhook does', () => {
    const events = ['push', 'push.tag', 'repo.created', 'lock.acquired'];
    const snapshot = fc
      .record({
        webhook_id: fc.constantFrom('a', 'b', 'c', 'd'),
        repository_id: fc.constantFrom(1, 2, null),
        owner_login: fc.constantFrom('user', 'studio', null),
        events: fc.array(fc.constantFrom(...events, 'push.*', 'repo.*', '*'), { maxLength: 4 }),
        active: fc.boolean(),
      })
      .map(aWebhook);
    const tombstone = snapshot.map(({ webhook_id }) => ({ webhook_id, deleted: true as const }));
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: snapshot }, tombstone)), (changes) => {
        const table = new WebhookTable();
        const model = new Map<string, WebhookSnapshot>();
        for (const [version, change] of changes.entries()) {
          if ('deleted' in change) {
            model.delete(change.webhook_id);
            table.apply(change);
          } else {
            model.set(change.webhook_id, { ...change, version });
            table.apply({ ...change, version });
          }
        }
        expect(table.size).toBe(model.size);
        for (const event of events) {
          for (const [repositoryId, ownerLogin] of [
            [1, 'user'],
            [2, 'studio'],
            [3, 'nobody'],
          ] as const) {
            const expected = [...model.values()].filter(
              (w) =>
                w.active &&
                (w.repository_id === repositoryId || w.owner_login === ownerLogin) &&
                w.events.some((pattern) => matchesPattern(pattern, event)),
            );
            expect(matchedIds(table, { event, repositoryId, ownerLogin })).toEqual(
              expected.map((w) => w.webhook_id).sort(),
            );
          }
        }
      }),
    );
  });
});
