import type { StageGroups, TopicNames } from '@dits/contracts';
import { maxJitterMs, type Tier } from '@dits/domain';
import type { Place } from '@dits/kafka';
import type { OverdueCounts, UnroutedEvent } from '@dits/persistence';
import type { Logger } from '@dits/runtime';
import type { AuditMetrics } from './audit-metrics.js';

/** What an audit needs. */
export interface AuditDeps {
  store: {
    /** How much was due before that time. */
    count(dueBefore: Date): Promise<OverdueCounts>;
    unroutedEvents(acceptedBefore: Date, limit: number): Promise<UnroutedEvent[]>;
  };
  /** Age of the oldest record that waits in the outbox. */
  outboxAgeMs: () => Promise<number>;
  progress: {
    ends(topic: string): Promise<Place[]>;
    startOf(topic: string, timestampMs: number): Promise<Place[]>;
    hasPassed(groupId: string, places: Place[]): Promise<boolean>;
  };
  /** Puts deliveries back that were due before that time; returns how many, at most a batch. */
  putBackDeliveries: (dueBefore: Date) => Promise<number>;
  putBackEvents: (events: UnroutedEvent[]) => Promise<void>;
  topics: Pick<TopicNames, 'events' | 'deliveries' | 'deliveryLog' | 'retry'>;
  groups: StageGroups;
  tiers: readonly Tier[];
  graceMs: number;
  metrics: AuditMetrics;
  log: Pick<Logger, 'info'>;
  now: () => number;
  /** Resolves after so many ms, or at once when the audit is to end. */
  pause: (ms: number) => Promise<void>;
  signal: AbortSignal;
}

/** Who has work left that may hold what seems to be lost. */
type Behind = 'outbox' | 'router' | 'retrier' | 'dispatcher' | 'recorder';

// What is on its way through a stage that keeps up comes out of it within this; a stage that takes longer is behind, and the next
// audit asks again.
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 250;
// More is a disaster, which is better put back little by little.
const MAX_BATCHES = 50;
const MAX_EVENTS = 500;

/**
 * Looks for deliveries that should have been attempted, and events that should have been routed, longer ago than the grace, and puts
 * back what is lost.
 *
 * Overdue is not lost: it may wait in Kafka for a stage that is behind, or have happened without the history knowing yet. So first every
 * stage in which it could be must have passed where its topics end now, in the order of the path; only what is overdue
 * after that is nowhere. When a stage does not get there within a minute, nothing is judged. Should a delivery turn up after
 * all, the dispatcher drops it: what was put back replaces it, as a redelivery does.
 */
export async function auditLosses(deps: AuditDeps): Promise<void> {
  const { store, metrics, log, graceMs, now } = deps;
  const startedAtMs = now();
  const dueBefore = new Date(startedAtMs - graceMs);
  const overdue = await store.count(dueBefore);
  metrics.overdue(overdue);
  const behind: Behind[] = [];

  if (overdue.deliveries > 0) {
    const stage = await whereDeliveriesMayBe(deps, startedAtMs);
    if (stage) behind.push(stage);
    else await putBackAllDeliveries(deps, dueBefore);
  }
  if (overdue.events > 0) {
    const before = await store.unroutedEvents(dueBefore, MAX_EVENTS);
    const stage = before.length > 0 ? await whereEventsMayBe(deps) : null;
    if (stage) behind.push(stage);
    else await putBackLostEvents(deps, dueBefore, before);
  }
  metrics.ran(behind.length > 0 ? 'withheld' : 'judged');
  if (behind.length > 0) log.info({ ...overdue, behind, duration_ms: now() - startedAtMs }, 'audit.withheld');
}

async function putBackAllDeliveries(deps: AuditDeps, dueBefore: Date): Promise<void> {
  for (let batches = 0; batches < MAX_BATCHES && !deps.signal.aborted; batches++) {
    if ((await deps.putBackDeliveries(dueBefore)) === 0) return;
  }
}

async function putBackLostEvents(deps: AuditDeps, dueBefore: Date, before: UnroutedEvent[]): Promise<void> {
  // One that was accepted long ago by its producer's clock may have come to its topic just now: lost is what was there before
  // the router passed, and still is.
  const ids = new Set(before.map(({ eventId }) => eventId));
  const after = await deps.store.unroutedEvents(dueBefore, MAX_EVENTS);
  const lost = after.filter(({ eventId }) => ids.has(eventId));
  if (lost.length > 0 && !deps.signal.aborted) await deps.putBackEvents(lost);
}

/** The first stage in which overdue deliveries may still be; null when they are in none. */
async function whereDeliveriesMayBe(deps: AuditDeps, startedAtMs: number): Promise<Behind | null> {
  const { progress, topics, groups, tiers, graceMs } = deps;
  // Their records may not have reached Kafka at all.
  if ((await deps.outboxAgeMs()) > graceMs / 2) return 'outbox';
  const cameDue = await Promise.all(
    tiers.map(({ name, delayMs }) => {
      const longestMs = delayMs + maxJitterMs(delayMs);
      return progress.startOf(topics.retry(name), startedAtMs - graceMs / 2 - longestMs);
    }),
  );
  if (!(await passes(deps, groups.retrier, cameDue.flat()))) return 'retrier';
  if (!(await passes(deps, groups.dispatcher, await progress.ends(topics.deliveries)))) return 'dispatcher';
  if (!(await passes(deps, groups.recorder, await progress.ends(topics.deliveryLog)))) return 'recorder';
  return null;
}

/** The first stage in which unrouted events may still be; null when they are in none. */
async function whereEventsMayBe(deps: AuditDeps): Promise<Behind | null> {
  const { progress, topics, groups } = deps;
  if (!(await passes(deps, groups.router, await progress.ends(topics.events)))) return 'router';
  if (!(await passes(deps, groups.recorder, await progress.ends(topics.deliveryLog)))) return 'recorder';
  return null;
}

async function passes(
  { progress, now, pause, signal }: AuditDeps,
  groupId: string,
  places: Place[],
): Promise<boolean> {
  for (const endMs = now() + PATIENCE_MS; !signal.aborted; await pause(LOOK_EVERY_MS)) {
    if (await progress.hasPassed(groupId, places)) return true;
    if (now() >= endMs) return false;
  }
  return false;
}
