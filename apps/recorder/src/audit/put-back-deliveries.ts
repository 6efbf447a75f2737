import type {
  DeadLettered,
  Deferred,
  Delivery,
  RecordName,
  RecordsByName,
  TopicNames,
} from '@dits/contracts';
import type { LogEntry, OutboxRecord, OverdueDelivery, Transaction } from '@dits/persistence';
import type { Logger } from '@dits/runtime';
import type { AuditMetrics } from './audit-metrics.js';

/** What putting deliveries back needs. */
export interface PutBackDeps {
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  store: {
    lockOverdue(tx: Transaction, dueBefore: Date, limit: number): Promise<OverdueDelivery[]>;
    storePutBack(tx: Transaction, entries: LogEntry[]): Promise<void>;
  };
  outbox: { append(tx: Transaction, records: OutboxRecord[]): Promise<void> };
  encode: <N extends RecordName>(name: N, record: RecordsByName[N]) => Buffer;
  topics: Pick<TopicNames, 'deliveries' | 'redeliveries' | 'deliveryLog'>;
  metrics: AuditMetrics;
  log: Pick<Logger, 'warn' | 'error'>;
  now: () => number;
}

// A body may be 100 kB.
const BATCH_DELIVERIES = 100;

/**
 * Puts lost deliveries back on their topic, under their ids, with the attempt that they were waiting for; returns how many were dealt
 * with. One whose body is no longer kept fails, since nobody can make it any more.
 *
 * In one transaction with the outbox and with the delivery locked: a redelivery comes before or after, and history and topic agree.
 * Each replaces what may turn up of it later, by a record on `dits.redeliveries`.
 */
export async function putBackDeliveries(dueBefore: Date, deps: PutBackDeps): Promise<number> {
  const { store, outbox, metrics, log, now } = deps;
  const found = await deps.inTransaction('putting deliveries back', async (tx) => {
    const overdue = await store.lockOverdue(tx, dueBefore, BATCH_DELIVERIES);
    const made = overdue.map((one) => ({ one, ...recordsOf(one, now(), deps) }));
    await store.storePutBack(
      tx,
      made.map(({ entry }) => entry),
    );
    await outbox.append(
      tx,
      made.flatMap(({ records }) => records),
    );
    return made;
  });
  for (const { one, entry } of found) {
    const { delivery } = one;
    const due = delivery.nextAttemptAt ?? delivery.updatedAt;
    const line = {
      delivery_id: delivery.deliveryId,
      event_id: delivery.eventId,
      webhook_id: delivery.webhookId,
      event: delivery.event,
      attempt: entry.record.attempt,
      due: due.toISOString(),
      overdue_ms: now() - due.getTime(),
    };
    if (entry.name === 'deferred') {
      metrics.found('delivery_put_back');
      log.warn(line, 'audit.delivery_put_back');
    } else {
      metrics.found('delivery_expired');
      log.error(line, 'audit.delivery_expired');
    }
  }
  return found.length;
}

type PutBackEntry = { name: 'deferred'; record: Deferred } | { name: 'dead-lettered'; record: DeadLettered };

function recordsOf(
  overdue: OverdueDelivery,
  nowMs: number,
  { encode, topics }: Pick<PutBackDeps, 'encode' | 'topics'>,
): { entry: PutBackEntry; records: OutboxRecord[] } {
  const { delivery, body } = overdue;
  const key = Buffer.from(delivery.deliveryId);
  const identity = {
    delivery_id: delivery.deliveryId,
    event_id: delivery.eventId,
    webhook_id: delivery.webhookId,
    event: delivery.event,
    accepted_at_ms: delivery.acceptedAt.getTime(),
  };
  const next = waitingAttempt(overdue);
  // As a redelivery's: later than those before, whatever the clocks say.
  const redelivered_at_ms = Math.max(nowMs, (delivery.redeliveredAt?.getTime() ?? 0) + 1);
  const replacing: OutboxRecord = {
    topic: topics.redeliveries,
    key,
    value: encode('redelivery', { delivery_id: delivery.deliveryId, redelivered_at_ms }),
  };
  if (body === null) {
    const record: DeadLettered = {
      ...identity,
      attempt: next.attempt,
      dead_lettered_at_ms: nowMs,
      reason: 'body_expired',
      redelivered_at_ms,
    };
    const value = encode('dead-lettered', record);
    return {
      entry: { name: 'dead-lettered', record },
      records: [replacing, { topic: topics.deliveryLog, key, value }],
    };
  }
  const record: Deferred = {
    ...identity,
    attempt: next.attempt,
    deferrals: delivery.deferrals,
    deferred_at_ms: nowMs,
    not_before_ms: nowMs,
    reason: 'put_back',
    redelivered_at_ms,
  };
  const again: Delivery = {
    ...identity,
    ...next,
    body,
    deferrals: delivery.deferrals,
    not_before_ms: null,
    trigger: delivery.trigger ?? 'event',
    redelivered_at_ms,
  };
  return {
    entry: { name: 'deferred', record },
    records: [
      replacing,
      { topic: topics.deliveryLog, key, value: encode('deferred', record) },
      {
        topic: topics.deliveries,
        key: Buffer.from(delivery.webhookId),
        value: encode('delivery', again),
      },
    ],
  };
}

/** The attempt that a delivery waits for, as the record that was lost had it. */
export function waitingAttempt({
  delivery,
  attempts,
}: Pick<OverdueDelivery, 'delivery' | 'attempts'>): Pick<
  Delivery,
  'attempt' | 'schedule_attempt' | 'first_attempt_at_ms'
> {
  const attempt = delivery.attemptCount + 1;
  const last = attempts.at(-1);
  // A schedule that has ended, or another trigger, means that the delivery was asked for again since.
  const continues =
    delivery.status === 'retrying' &&
    (last?.nextStep === 'retry' || last?.nextStep === 'immediate_retry') &&
    last.trigger === delivery.trigger;
  if (!continues) return { attempt, schedule_attempt: 1, first_attempt_at_ms: null };
  const first = attempts.findLast(({ scheduleAttempt }) => scheduleAttempt === 1) ?? attempts[0]!;
  return {
    attempt,
    // From 1 without an immediate retry to 3: the place alone tells which tier is next.
    schedule_attempt: last.nextStep === 'immediate_retry' ? 2 : Math.max(last.scheduleAttempt, 2) + 1,
    first_attempt_at_ms: first.startedAt.getTime(),
  };
}
