import { setTimeout as sleep } from 'node:timers/promises';
import { stageGroups } from '@dits/contracts';
import { GroupProgress, readRange, type BatchingProducer, type Codec } from '@dits/kafka';
import { inTransaction, LossAuditStore, Outbox, type Database } from '@dits/persistence';
import type { Runtime } from '@dits/runtime';
import type { RecorderConfig } from '../config.js';
import { AuditMetrics } from './audit-metrics.js';
import { auditLosses, type AuditDeps } from './audit-losses.js';
import { putBackDeliveries, type PutBackDeps } from './put-back-deliveries.js';
import { putBackEvents, type PutBackEventDeps } from './put-back-events.js';
import { repeatAudit } from './repeat-audit.js';

const DAY_MS = 86_400_000;

/** Wires the loss audit of a recorder and starts it; it ends with the process. */
export function startAudit(
  runtime: Runtime<RecorderConfig>,
  o: { database: Database; codec: Codec; producer: BatchingProducer },
): void {
  const { config, kafka, log, now, topics, onClose } = runtime;
  const { database, codec, producer } = o;
  const ending = new AbortController();
  const { signal } = ending;
  const store = new LossAuditStore(database);
  const outbox = new Outbox(database);
  const progress = new GroupProgress(kafka);
  onClose('audit progress', () => progress.close());
  const metrics = new AuditMetrics();

  const deliveryDeps: PutBackDeps = {
    inTransaction: (what, work) => inTransaction(database, what, work),
    store,
    outbox,
    encode: (name, record) => codec.encode(name, record),
    topics,
    metrics,
    log,
    now,
  };
  const eventDeps: PutBackEventDeps = {
    readEvents: (range) =>
      readRange({
        ...range,
        kafka,
        log,
        topics: [topics.events],
        groupId: `${config.topicPrefix}dits-audit-${now()}`,
      }),
    decodeEvent: (value) => codec.decodeEvent(value),
    send: (record) => producer.send(record),
    note: (event) =>
      store.notePutBack(event, {
        now: new Date(now()),
        historyFrom: new Date(now() - config.historyDays * DAY_MS),
      }),
    topics,
    metrics,
    log,
    now,
    signal,
  };
  const deps: AuditDeps = {
    store,
    outboxAgeMs: async () => (await outbox.size()).oldestSeconds * 1000,
    progress,
    putBackDeliveries: (dueBefore) => putBackDeliveries(dueBefore, deliveryDeps),
    putBackEvents: (events) => putBackEvents(events, eventDeps),
    topics,
    groups: stageGroups(config.topicPrefix),
    tiers: config.retryTiers,
    graceMs: config.auditGraceMs,
    metrics,
    log,
    now,
    pause: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
    signal,
  };
  const audit = repeatAudit({
    audit: () => store.exclusively(() => auditLosses(deps)),
    metrics,
    log,
    everyMs: config.auditIntervalMs,
  });
  onClose('audit', () => {
    ending.abort();
    return audit.stop();
  });
}
