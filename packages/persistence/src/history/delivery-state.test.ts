import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deliveryChanges, mergeChanges, type DeliveryChange } from './delivery-state.js';
import type { LogEntry } from './log-entry.js';
import {
  ACCEPTED_AT_MS,
  aCancelled,
  aDeadLettered,
  aDeferred,
  anAttempted,
  aRetried,
  aRouted,
} from './testing.js';

const at = (ms: number) => ACCEPTED_AT_MS + ms;
const iso = (ms: number) => new Date(at(ms)).toISOString();

function after(...entries: LogEntry[]): DeliveryChange {
  return entries.flatMap(deliveryChanges).reduce(mergeChanges);
}

describe('the state of a delivery', () => {
  const failed = anAttempted({
    outcome: 'rejected',
    status_code: 404,
    next_step: 'failed',
    failure_reason: 'status_404',
  });
  it.each<[string, LogEntry[], Partial<DeliveryChange['state']>]>([
    ['routed', [aRouted()], { status: 'pending', nextAttemptAt: null, updatedAt: iso(5) }],
    [
      'put off before its first attempt',
      [aRouted(), aDeferred()],
      { status: 'pending', nextAttemptAt: iso(15_008) },
    ],
    ['delivered', [aRouted(), anAttempted()], { status: 'delivered', completedAt: iso(23) }],
    [
      'waiting for a retry',
      [aRouted(), aRetried()],
      { status: 'retrying', nextAttemptAt: iso(60_010), completedAt: null },
    ],
    [
      'to be tried again at once',
      [aRetried({ next_step: 'immediate_retry', next_attempt_at_ms: null })],
      { status: 'retrying', nextAttemptAt: iso(23) },
    ],
    [
      'put off before its second attempt',
      [aRetried(), aDeferred({ attempt: 2, deferred_at_ms: at(60_011), not_before_ms: at(75_011) })],
      { status: 'retrying', nextAttemptAt: iso(75_011) },
    ],
    ['failed', [aRouted(), failed], { status: 'failed', failureReason: 'status_404', completedAt: iso(23) }],
    [
      'failed and a dead letter',
      [failed, aDeadLettered()],
      { status: 'failed', failureReason: 'status_404', completedAt: iso(30) },
    ],
    [
      'cancelled',
      [aRouted(), aCancelled()],
      { status: 'cancelled', failureReason: 'webhook_deleted', completedAt: iso(9) },
    ],
    [
      'cancelled while it waited',
      [aRetried(), aCancelled({ attempt: 2, cancelled_at_ms: at(60_011) })],
      { status: 'cancelled', nextAttemptAt: null },
    ],
    [
      'asked for again after it was cancelled',
      [aRouted(), aCancelled(), aRouted({ trigger: 'replay', routed_at_ms: at(100) })],
      { status: 'pending', failureReason: null, completedAt: null },
    ],
    [
      'asked for again and delivered, whatever an attempt from before then brings later',
      [
        aRouted({ trigger: 'redelivery', routed_at_ms: at(100) }),
        anAttempted({ attempt: 2, started_at_ms: at(110), redelivered_at_ms: at(100) }),
        aRetried({ attempt: 2, started_at_ms: at(90_000) }),
        aDeadLettered({ attempt: 3, dead_lettered_at_ms: at(99_000) }),
      ],
      { status: 'delivered', failureReason: null, completedAt: iso(123) },
    ],
    [
      'asked for again, twice',
      [
        aRouted({ trigger: 'redelivery', routed_at_ms: at(100) }),
        aCancelled({ attempt: 2, cancelled_at_ms: at(300), redelivered_at_ms: at(100) }),
        aRouted({ trigger: 'redelivery', routed_at_ms: at(101) }),
      ],
      { status: 'pending', updatedAt: iso(101) },
    ],
    [
      'delivered by an attempt that was made twice, the first time in vain',
      [failed, aDeadLettered(), anAttempted({ started_at_ms: at(500) })],
      { status: 'delivered', failureReason: null },
    ],
  ])('%s', (_, entries, expected) => {
    expect(after(...entries).state).toMatchObject(expected);
    expect(after(...entries.toReversed()).state).toMatchObject(expected);
  });

  it('keeps the last answer through what happens without one', () => {
    expect(
      after(
        aRouted(),
        aRetried({ attempt: 3 }),
        aCancelled({ attempt: 4, cancelled_at_ms: at(70_000) }),
        aRetried({ attempt: 2, status_code: 500 }),
      ),
    ).toMatchObject({
      state: { status: 'cancelled' },
      attempts: 3,
      lastAttempt: { statusCode: 503, outcome: 'retryable' },
      trigger: { trigger: 'event' },
      repositoryId: 123,
    });
  });

  it('speaks of every delivery of an event, and of none when nothing matched', () => {
    const webhook_ids = ['6fa459ea-ee8a-4ca4-894e-db77e1603551', '6fa459ea-ee8a-4ca4-894e-db77e1603552'];
    expect(deliveryChanges(aRouted({ webhook_ids })).map((c) => c.webhookId)).toEqual(webhook_ids);
    expect(deliveryChanges(aRouted({ webhook_ids: [] }))).toEqual([]);
  });

  it('refuses an attempt or a time that can not be', () => {
    expect(() => deliveryChanges(anAttempted({ attempt: -1 }))).toThrow('out of range');
    expect(() => deliveryChanges(aCancelled({ cancelled_at_ms: -1 }))).toThrow('out of range');
  });
});

describe('merging', () => {
  const attempt = fc.integer({ min: 1, max: 3 });
  const ms = fc.integer({ min: 0, max: 3 }).map(at);
  const redelivered_at_ms = fc.option(ms);
  const anyEntry: fc.Arbitrary<LogEntry> = fc.oneof(
    fc.record({ trigger: fc.constantFrom('event', 'replay', 'redelivery'), routed_at_ms: ms }).map(aRouted),
    fc
      .record({ attempt, redelivered_at_ms, started_at_ms: ms, status_code: fc.constantFrom(200, 500) })
      .map(anAttempted),
    fc.record({ attempt, redelivered_at_ms, started_at_ms: ms, next_attempt_at_ms: ms }).map(aRetried),
    fc
      .record({ attempt, redelivered_at_ms, deferred_at_ms: ms, not_before_ms: ms, deferrals: attempt })
      .map(aDeferred),
    fc
      .record({ attempt, redelivered_at_ms, cancelled_at_ms: ms, reason: fc.constantFrom('a', 'b') })
      .map(aCancelled),
    fc
      .record({ attempt, redelivered_at_ms, dead_lettered_at_ms: ms, reason: fc.constantFrom('a', 'b') })
      .map(aDeadLettered),
  );
  const anyHistory = fc.array(anyEntry, { minLength: 1, maxLength: 8 });

  it('gives the same in any order and with repeats', () => {
    fc.assert(
      fc.property(
        anyHistory.chain((entries) =>
          fc.tuple(
            fc.constant(entries),
            fc.shuffledSubarray([...entries, ...entries], { minLength: entries.length * 2 }),
          ),
        ),
        ([entries, others]) => expect(after(...others)).toEqual(after(...entries)),
      ),
    );
  });

  it('gives the same however the entries are split', () => {
    fc.assert(
      fc.property(anyHistory, fc.nat(), (entries, where) => {
        const cut = where % entries.length;
        const parts = [entries.slice(0, cut), entries.slice(cut)].filter((part) => part.length > 0);
        const merged = parts.map((part) => after(...part)).reduce(mergeChanges);
        expect(merged).toEqual(after(...entries));
      }),
    );
  });
});
