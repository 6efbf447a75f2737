import { stageGroups, topicNames } from '@dits/contracts';
import { parseTiers } from '@dits/domain';
import type { Place } from '@dits/kafka';
import type { OverdueCounts, UnroutedEvent } from '@dits/persistence';
import { metricsRegistry } from '@dits/runtime';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { auditLosses, type AuditDeps } from './audit-losses.js';
import { AuditMetrics } from './audit-metrics.js';

const NOW_MS = Date.UTC(2026, 10, 25, 12);
const GRACE_MS = 1_800_000;
const topics = topicNames();
const groups = stageGroups();
const anEvent = (eventId: string): UnroutedEvent => ({
  eventId,
  acceptedAt: new Date(NOW_MS - 2 * GRACE_MS),
  event: 'push',
  repositoryId: 1,
});

interface Steps {
  overdue?: Partial<OverdueCounts>;
  /** Groups that never get where they should. */
  behind?: string[];
  outboxAgeMs?: number;
  /** What each reading of the unrouted events gives. */
  unrouted?: UnroutedEvent[][];
  /** What each batch of deliveries brings. */
  batches?: number[];
}

/** Runs an audit; what it asked and did, in order. */
async function audited(steps: Steps): Promise<string[]> {
  const { behind = [], outboxAgeMs = 0, unrouted = [], batches = [] } = steps;
  const did: string[] = [];
  let nowMs = NOW_MS;
  const places = (topic: string): Place[] => [{ topic, partition: 0, offset: 7n }];
  const deps: AuditDeps = {
    store: {
      count: async () => ({ deliveries: 0, events: 0, ...steps.overdue }),
      unroutedEvents: async () => {
        did.push('read events');
        return unrouted.shift() ?? [];
      },
    },
    outboxAgeMs: async () => outboxAgeMs,
    progress: {
      ends: async (topic) => places(topic),
      startOf: async (topic, timestampMs) => {
        did.push(`${topic} before -${(NOW_MS - timestampMs) / 1000} s`);
        return places(topic);
      },
      hasPassed: async (group) => {
        if (behind.includes(group)) return false;
        did.push(group);
        return true;
      },
    },
    putBackDeliveries: async (dueBefore) => {
      const count = batches.shift() ?? 0;
      did.push(`put back ${count} due ${(dueBefore.getTime() - NOW_MS) / 1000} s`);
      return count;
    },
    putBackEvents: async (events) => void did.push(`put back ${events.map(({ eventId }) => eventId).join()}`),
    topics,
    groups,
    tiers: parseTiers('15s,1h'),
    graceMs: GRACE_MS,
    metrics: new AuditMetrics(),
    log: {
      info: (fields: object) =>
        void did.push(`withheld by ${(fields as { behind: string[] }).behind.join()}`),
    },
    now: () => nowMs,
    pause: async (ms) => void (nowMs += ms),
    signal: new AbortController().signal,
  };
  await auditLosses(deps);
  return did;
}

describe('auditLosses', () => {
  beforeEach(() => metricsRegistry.resetMetrics());

  it('asks Kafka nothing while nothing is overdue', async () => {
    expect(await audited({})).toEqual([]);
    expect(await metricsRegistry.metrics()).toContain('dits_audit_runs_total{result="judged"} 1');
  });

  it('judges deliveries once the stages have passed what may hold them, in the order of the path', async () => {
    expect(await audited({ overdue: { deliveries: 3 }, batches: [2, 1] })).toEqual([
      // Half the grace and the longest that a record may wait there before.
      `${topics.retry('15s')} before -916.5 s`,
      `${topics.retry('1h')} before -4620 s`,
      groups.retrier,
      groups.dispatcher,
      groups.recorder,
      'put back 2 due -1800 s',
      'put back 1 due -1800 s',
      'put back 0 due -1800 s',
    ]);
  });

  it.each(['retrier', 'dispatcher', 'recorder'] as const)(
    'puts nothing back while the %s is behind',
    async (stage) => {
      const did = await audited({ overdue: { deliveries: 3 }, behind: [groups[stage]] });
      expect(did.filter((step) => step.startsWith('put back'))).toEqual([]);
      expect(did.at(-1)).toBe(`withheld by ${stage}`);
      const metrics = await metricsRegistry.metrics();
      expect(metrics).toContain('dits_audit_runs_total{result="withheld"} 1');
      expect(metrics).toContain('dits_audit_overdue{kind="delivery"} 3');
    },
  );

  it('puts nothing back while records wait in the outbox', async () => {
    expect(await audited({ overdue: { deliveries: 1 }, outboxAgeMs: GRACE_MS })).toEqual([
      'withheld by outbox',
    ]);
  });

  it('puts back events that were there before the router passed, and still are not routed', async () => {
    const unrouted = [
      [anEvent('lost'), anEvent('slow')],
      [anEvent('lost'), anEvent('came later')],
    ];
    expect(await audited({ overdue: { events: 2 }, unrouted })).toEqual([
      'read events',
      groups.router,
      groups.recorder,
      'read events',
      'put back lost',
    ]);
  });

  it('judges deliveries though the router is behind', async () => {
    const did = await audited({
      overdue: { deliveries: 1, events: 1 },
      unrouted: [[anEvent('e')]],
      batches: [1],
      behind: [groups.router],
    });
    expect(did).toContain('put back 1 due -1800 s');
    expect(did.at(-1)).toBe('withheld by router');
  });
});
