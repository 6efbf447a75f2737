import type { Delivery, TopicNames, WebhookSnapshot } from '@dits/contracts';
import { NOT_BEFORE_HEADER, PoisonRecordError } from '@dits/contracts';
import { classify, nextStep, type SendResult, type Tier } from '@dits/domain';
import type { SendRequest } from '@dits/http-delivery';
import { deadLetter, type Codec, type IncomingRecord, type Log, type OutgoingRecord } from '@dits/kafka';
import type { DeliveryGate } from './delivery-gate.js';
import { attemptedEntry, cancelledEntry, deadLetteredEntry } from './log-entries.js';
import { maskedHeaders, maskedResult } from './masked.js';
import type { AttemptMetrics } from './metrics.js';
import { requestHeaders } from './request-headers.js';

/** What the stage needs. */
export interface AttemptDeps {
  codec: Pick<Codec, 'encode' | 'decode'>;
  /** `catchUp` resolves when `find` knows every change made so far. */
  webhooks: { find(webhookId: string): WebhookSnapshot | undefined; catchUp(): Promise<void> };
  /** When a delivery was last asked for again while an attempt waited, ms since 1970. `catchUp` as that of `webhooks`. */
  redeliveries: { newestOf(deliveryId: string): number | undefined; catchUp(): Promise<void> };
  /** The secrets of a webhook that sign now, the current one first. */
  secretsOf: (webhook: WebhookSnapshot, nowMs: number) => string[];
  /** The headers that the webhook's owner has put on each request, by name. */
  headersOf: (webhook: WebhookSnapshot) => Readonly<Record<string, string>>;
  gate: DeliveryGate;
  send: (request: SendRequest) => Promise<SendResult>;
  /** Resolves when all are durable. */
  sendAll: (records: OutgoingRecord[]) => Promise<void>;
  poison: { put(record: IncomingRecord, error: PoisonRecordError): Promise<void> };
  topics: TopicNames;
  tiers: readonly Tier[];
  timeoutMs: number;
  /** `Dits-Webhooks/0.1.0`. */
  userAgent: string;
  metrics: AttemptMetrics;
  log: Log;
  now: () => number;
  random: () => number;
}

/** How an attempt ended for us: what has to be written, and the attempt that follows at once, if any. */
interface AttemptEnd {
  records: OutgoingRecord[];
  again: Delivery | null;
}

/**
 * Attempts that were made and whose records Kafka did not take. The same record is handed in again; what was kept is
 * written then, instead of bothering the receiver with a second POST for a fault of ours.
 */
const unwritten = new WeakMap<IncomingRecord, AttemptEnd>();

/**
 * Makes the attempt that a record of `dits.deliveries` asks for, and the immediate retry where one follows.
 *
 * Resolves when the log entry and the next step are durable: only then may the offset move. Rejects on a fault of
 * ours; then the same record comes again, and a POST that was made is not made a second time.
 */
export async function attemptDelivery(
  record: IncomingRecord,
  deps: AttemptDeps,
  signal: AbortSignal,
): Promise<void> {
  let delivery: Delivery;
  try {
    delivery = await readDelivery(record, deps);
  } catch (error) {
    if (!(error instanceof PoisonRecordError)) throw error;
    return deps.poison.put(record, error);
  }

  let end = unwritten.get(record) ?? (await attempt(delivery, record, deps, signal));
  for (;;) {
    try {
      // One call: the entry and the next step get on the way together, and both are durable before the offset moves.
      if (end.records.length > 0) await deps.sendAll(end.records);
    } catch (fault) {
      unwritten.set(record, end);
      throw fault;
    }
    unwritten.delete(record);
    if (!end.again) return;
    end = await attempt(end.again, record, deps, signal);
  }
}

async function readDelivery(record: IncomingRecord, { codec }: AttemptDeps): Promise<Delivery> {
  const decoded = await codec.decode(record.value);
  if (decoded.name !== 'delivery') {
    throw new PoisonRecordError('wrong_type', `a ${decoded.name} record is not a delivery`);
  }
  return decoded.record;
}

async function attempt(
  delivery: Delivery,
  record: IncomingRecord,
  deps: AttemptDeps,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  const { webhooks, redeliveries, gate, timeoutMs, userAgent, now } = deps;
  const leave = await gate.enter({
    webhookId: delivery.webhook_id,
    limit: () => webhooks.find(delivery.webhook_id)?.max_concurrency,
    signal,
  });
  try {
    // As it is now: a change that was made before this attempt counts, also one the table has not read yet. Costs about
    // 2 ms, and one request to Kafka for all attempts that begin meanwhile.
    // What has waited may have been asked for again; a first attempt has hardly had the time.
    await Promise.all([webhooks.catchUp(), hasWaited(delivery) && redeliveries.catchUp()]);
    if (isReplaced(delivery, deps)) return drop(delivery, deps);
    const webhook = webhooks.find(delivery.webhook_id);
    if (!webhook?.active || wasOffMeanwhile(delivery, webhook)) return cancel(delivery, webhook, deps);

    const startedAtMs = now();
    const own = deps.headersOf(webhook);
    const headers = requestHeaders({
      delivery,
      secrets: deps.secretsOf(webhook, startedAtMs),
      nowMs: startedAtMs,
      userAgent,
      own,
    });
    // Not broken off by the signal: the receiver may have acted on it, so its end is worth waiting for.
    const result = await deps.send({ url: webhook.url, headers, body: delivery.body, timeoutMs });
    return decide({ delivery, webhook, record, headers, own, result, startedAtMs }, deps);
  } finally {
    leave();
  }
}

const hasWaited = ({ first_attempt_at_ms, deferrals }: Delivery): boolean =>
  first_attempt_at_ms != null || deferrals > 0;

/** True when a redelivery or replay that was asked for later makes the attempt in this one's place. */
function isReplaced({ delivery_id, redelivered_at_ms }: Delivery, { redeliveries }: AttemptDeps): boolean {
  const newestMs = redeliveries.newestOf(delivery_id);
  return newestMs !== undefined && (redelivered_at_ms ?? -Infinity) < newestMs;
}

/** Ends a waiting attempt without a word in the history, which has had the redelivery's since it was asked for. */
function drop(delivery: Delivery, { metrics, log }: AttemptDeps): AttemptEnd {
  metrics.replaced();
  log.info(idsOf(delivery), 'delivery.replaced');
  return { records: [], again: null };
}

/** A webhook that is switched on again gets nothing by itself that was being retried when it was switched off. */
function wasOffMeanwhile({ first_attempt_at_ms }: Delivery, webhook: WebhookSnapshot): boolean {
  return first_attempt_at_ms != null && first_attempt_at_ms < (webhook.deactivated_at_ms ?? -Infinity);
}

function cancel(
  delivery: Delivery,
  webhook: WebhookSnapshot | undefined,
  { codec, topics, metrics, log, now }: AttemptDeps,
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

function decide(
  made: {
    delivery: Delivery;
    webhook: WebhookSnapshot;
    record: IncomingRecord;
    headers: Record<string, string>;
    own: Readonly<Record<string, string>>;
    result: SendResult;
    startedAtMs: number;
  },
  deps: AttemptDeps,
): AttemptEnd {
  const { delivery, webhook, record, headers, own, result, startedAtMs } = made;
  const { codec, topics, tiers, metrics, log, now, random } = deps;
  const nowMs = now();
  const firstAttemptAtMs = delivery.first_attempt_at_ms ?? startedAtMs;
  const { outcome, reason } = classify(result, { retryStatuses: webhook.retry_statuses });
  const step = nextStep(
    { outcome, reason, result, scheduleAttempt: delivery.schedule_attempt, firstAttemptAtMs, tiers },
    nowMs,
    random,
  );

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
      retried_on_fresh_socket: result.retriedOnFreshSocket === true,
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
    case 'immediate_retry':
      return {
        records,
        again: following(delivery, { scheduleAttempt: step.scheduleAttempt, firstAttemptAtMs }),
      };
    case 'retry': {
      const { tier, notBeforeMs, scheduleAttempt } = step;
      const next = following(delivery, { scheduleAttempt, firstAttemptAtMs, notBeforeMs });
      records.push({
        topic: topics.retry(tier.name),
        key: webhook_id,
        value: codec.encode('delivery', next),
        headers: { [NOT_BEFORE_HEADER]: String(notBeforeMs) },
      });
      return { records, again: null };
    }
    case 'failed': {
      const deadLettered = deadLetteredEntry(delivery, { reason: step.reason, nowMs });
      const error = entry.error_message ?? `the receiver answered ${entry.status_code}`;
      metrics.failed(step.reason);
      records.push(
        { topic: topics.deliveryLog, key: delivery_id, value: codec.encode('dead-lettered', deadLettered) },
        deadLetter({
          record,
          topic: topics.deadLetters,
          reason: step.reason,
          error,
          stage: 'dispatcher',
          nowMs,
        }),
      );
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

function idsOf({ event, event_id, delivery_id, webhook_id, attempt }: Delivery) {
  return { event, event_id, delivery_id, webhook_id, attempt };
}

function neverStep(step: never): never {
  throw new Error(`unknown step ${JSON.stringify(step)}`);
}
