import type { Delivery, Outcome, TopicNames, WebhookSnapshot } from '@dits/contracts';
import { NOT_BEFORE_HEADER } from '@dits/contracts';
import { deferralStep, nextStep, type Deferral, type SendResult, type Tier } from '@dits/domain';
import {
  deadLetter,
  replayHeaderOf,
  type Codec,
  type IncomingRecord,
  type Log,
  type OutgoingRecord,
} from '@dits/kafka';
import { attemptedEntry, cancelledEntry, deadLetteredEntry, deferredEntry } from './log-entries.js';
import { maskedHeaders, maskedResult } from './masked.js';
import type { AttemptMetrics } from './metrics.js';

/** What it takes to say how an attempt ended. */
export interface EndDeps {
  codec: Pick<Codec, 'encode'>;
  gate: { isOpen(webhookId: string): boolean };
  topics: TopicNames;
  tiers: readonly Tier[];
  metrics: AttemptMetrics;
  log: Log;
  now: () => number;
  random: () => number;
}

/** How an attempt ended for us: what has to be written, and the attempt that follows at once, if any. */
export interface AttemptEnd {
  records: OutgoingRecord[];
  again: { delivery: Delivery; onFreshConnection: boolean } | null;
  /** No attempt was made; the same one is to be made later. */
  isPutOff?: boolean;
}

/** Ends a waiting attempt without a word in the history, which has had the redelivery's since it was asked for. */
export function drop(delivery: Delivery, { metrics, log }: EndDeps): AttemptEnd {
  metrics.replaced();
  log.info(idsOf(delivery), 'delivery.replaced');
  return { records: [], again: null };
}

/** Ends a delivery whose webhook is gone or off. */
export function cancel(
  delivery: Delivery,
  webhook: WebhookSnapshot | undefined,
  { codec, topics, metrics, log, now }: EndDeps,
): AttemptEnd {
  const reason = webhook ? 'webhook_inactive' : 'webhook_deleted';
  const entry = cancelledEntry(delivery, { reason, nowMs: now() });
  metrics.cancelled(reason);
  log.info({ ...idsOf(delivery), reason }, 'delivery.cancelled');
  return {
    records: [
      { topic: topics.deliveryLog, key: delivery.delivery_id, value: codec.encode('cancelled', entry) },
    ],
    again: null,
  };
}

/** Puts a delivery off without an attempt, or ends it when it has been put off for too long. */
export function defer(
  delivery: Delivery,
  deferral: Deferral,
  record: IncomingRecord,
  { codec, topics, tiers, metrics, log, now, random }: EndDeps,
): AttemptEnd {
  const nowMs = now();
  const { delivery_id, webhook_id, deferrals } = delivery;
  const sinceMs = delivery.first_attempt_at_ms ?? delivery.redelivered_at_ms ?? delivery.accepted_at_ms;
  const step = deferralStep({ ...deferral, deferrals, sinceMs, tiers }, nowMs, random);
  if (step.kind === 'failed') {
    const error = `put off ${deferrals} times, last because of ${deferral.reason}`;
    return {
      records: giveUp({ delivery, record, reason: step.reason, error, nowMs }, { codec, topics, metrics }),
      again: null,
    };
  }
  const { tier, notBeforeMs } = step;
  const next: Delivery = { ...delivery, deferrals: deferrals + 1, not_before_ms: notBeforeMs };
  const entry = deferredEntry(next, { reason: deferral.reason, notBeforeMs, nowMs });
  metrics.deferred(deferral.reason);
  const notBefore = new Date(notBeforeMs).toISOString();
  log.info(
    { ...idsOf(delivery), reason: deferral.reason, deferrals: next.deferrals, not_before: notBefore },
    'delivery.deferred',
  );
  return {
    records: [
      { topic: topics.deliveryLog, key: delivery_id, value: codec.encode('deferred', entry) },
      {
        topic: topics.retry(tier.name),
        key: webhook_id,
        value: codec.encode('delivery', next),
        // It stays the replay that it is.
        headers: { ...replayHeaderOf(record), [NOT_BEFORE_HEADER]: String(notBeforeMs) },
      },
    ],
    again: null,
    isPutOff: true,
  };
}

/** The records of a delivery that will not be tried again by itself. */
function giveUp(
  given: { delivery: Delivery; record: IncomingRecord; reason: string; error: string; nowMs: number },
  { codec, topics, metrics }: Pick<EndDeps, 'codec' | 'topics' | 'metrics'>,
): OutgoingRecord[] {
  const { delivery, record, reason, error, nowMs } = given;
  const entry = deadLetteredEntry(delivery, { reason, nowMs });
  metrics.failed(reason);
  return [
    { topic: topics.deliveryLog, key: delivery.delivery_id, value: codec.encode('dead-lettered', entry) },
    deadLetter({ record, topic: topics.deadLetters, reason, error, stage: 'dispatcher', nowMs }),
  ];
}

/** Says what came of an attempt that was made: its entry, and its next step. */
export function conclude(
  made: {
    delivery: Delivery;
    webhook: WebhookSnapshot;
    record: IncomingRecord;
    headers: Record<string, string>;
    own: Readonly<Record<string, string>>;
    result: SendResult;
    outcome: Outcome;
    reason: string;
    startedAtMs: number;
  },
  deps: EndDeps,
): AttemptEnd {
  const { delivery, webhook, record, headers, own, result, outcome, reason, startedAtMs } = made;
  const { codec, topics, tiers, gate, metrics, log, now, random } = deps;
  const nowMs = now();
  const firstAttemptAtMs = delivery.first_attempt_at_ms ?? startedAtMs;
  const circuitOpen = gate.isOpen(webhook.webhook_id);
  const { schedule_attempt: scheduleAttempt } = delivery;
  const facts = { outcome, reason, result, scheduleAttempt, firstAttemptAtMs, tiers, circuitOpen };
  const step = nextStep(facts, nowMs, random);

  metrics.attempted({ delivery, result, outcome, startedAtMs });
  const entry = attemptedEntry({
    delivery,
    url: webhook.url,
    headers: maskedHeaders(headers, own),
    result: maskedResult(result, own),
    outcome,
    step,
    startedAtMs,
    nowMs,
  });
  log.info(
    {
      ...idsOf(delivery),
      outcome,
      reason,
      status_code: entry.status_code,
      error_phase: entry.error_phase,
      duration_ms: entry.duration_ms,
      stale_connection: result.staleConnection === true,
      next_step: entry.next_step,
      not_before: step.kind === 'retry' ? new Date(step.notBeforeMs).toISOString() : null,
    },
    'delivery.attempted',
  );

  const { webhook_id, delivery_id } = delivery;
  const records: OutgoingRecord[] = [
    { topic: topics.deliveryLog, key: delivery_id, value: codec.encode('attempted', entry) },
  ];
  switch (step.kind) {
    case 'done':
      return { records, again: null };
    case 'immediate_retry': {
      const { scheduleAttempt, onFreshConnection } = step;
      const next = following(delivery, { scheduleAttempt, firstAttemptAtMs });
      return { records, again: { delivery: next, onFreshConnection } };
    }
    case 'retry': {
      const { tier, notBeforeMs, scheduleAttempt } = step;
      const next = following(delivery, { scheduleAttempt, firstAttemptAtMs, notBeforeMs });
      records.push({
        topic: topics.retry(tier.name),
        key: webhook_id,
        value: codec.encode('delivery', next),
        headers: { ...replayHeaderOf(record), [NOT_BEFORE_HEADER]: String(notBeforeMs) },
      });
      return { records, again: null };
    }
    case 'failed': {
      const error = entry.error_message ?? `the receiver answered ${entry.status_code}`;
      records.push(...giveUp({ delivery, record, reason: step.reason, error, nowMs }, deps));
      return { records, again: null };
    }
    default:
      return neverStep(step);
  }
}

/** The delivery as its next attempt needs it. */
function following(
  delivery: Delivery,
  next: { scheduleAttempt: number; firstAttemptAtMs: number; notBeforeMs?: number },
): Delivery {
  return {
    ...delivery,
    attempt: delivery.attempt + 1,
    schedule_attempt: next.scheduleAttempt,
    first_attempt_at_ms: next.firstAttemptAtMs,
    not_before_ms: next.notBeforeMs ?? null,
  };
}

/** What each line of the log names. */
export function idsOf({ event, event_id, delivery_id, webhook_id, attempt }: Delivery) {
  return { event, event_id, delivery_id, webhook_id, attempt };
}

function neverStep(step: never): never {
  throw new Error(`unknown step ${JSON.stringify(step)}`);
}
