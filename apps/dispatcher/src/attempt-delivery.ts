import type { Delivery, Outcome, WebhookSnapshot } from '@dits/contracts';
import { PoisonRecordError, WEBHOOKS_MARK_HEADER, WEBHOOKS_MAX_AGE_MS } from '@dits/contracts';
import { classify, type GateLimits, type SendResult } from '@dits/domain';
import type { SendRequest } from '@dits/http-delivery';
import { replayOf, type Codec, type IncomingRecord, type OutgoingRecord } from '@dits/kafka';
import {
  messagingAttributes,
  traceContextOf,
  traceHeaders,
  type Span,
  type TraceContext,
  type Tracing,
} from '@dits/runtime';
import { attemptSpan, endAttempt, endOnFault } from './attempt-spans.js';
import { cancel, conclude, defer, drop, idsOf, type AttemptEnd, type EndDeps } from './attempt-ends.js';
import type { DeliveryGate } from './delivery-gate.js';
import type { RecentRecords } from './recent-records.js';
import { requestHeaders } from './request-headers.js';

/** What the stage needs. */
export interface AttemptDeps extends EndDeps {
  codec: Pick<Codec, 'encode' | 'decode'>;
  /** `catchUp` resolves when `find` knows every change made until `maxAgeMs` ago; `catchUpTo`, every change before a mark of the router's. */
  webhooks: {
    find(webhookId: string): WebhookSnapshot | undefined;
    catchUp(maxAgeMs: number): Promise<unknown>;
    catchUpTo(mark: string): Promise<void>;
  };
  /** When a delivery was last asked for again while an attempt waited, ms since 1970. `catchUp` as that of `webhooks`. */
  redeliveries: { newestOf(deliveryId: string): number | undefined; catchUp(): Promise<unknown> };
  /** The secrets of a webhook that sign now, the current one first. */
  secretsOf: (webhook: WebhookSnapshot, nowMs: number) => string[];
  /** The headers that the webhook's owner has put on each request, by name. */
  headersOf: (webhook: WebhookSnapshot) => Readonly<Record<string, string>>;
  gate: DeliveryGate;
  /** What this process is done with. */
  recent: RecentRecords;
  send: (request: SendRequest) => Promise<SendResult>;
  /** Resolves when all are durable. */
  sendAll: (records: OutgoingRecord[]) => Promise<void>;
  poison: { put(record: IncomingRecord, error: PoisonRecordError): Promise<void> };
  tracing: Tracing;
  timeoutMs: number;
  /** `Dits-Webhooks/0.1.0`. */
  userAgent: string;
}

/**
 * Attempts that were made and whose records Kafka did not take. The same record is handed in again; what was kept is
 * written then, instead of bothering the receiver with a second POST for a fault of ours.
 */
const unwritten = new WeakMap<IncomingRecord, AttemptEnd>();

/**
 * Makes the attempt that a record of `dits.deliveries` asks for, and the immediate retry where one follows; or puts the
 * delivery off when its webhook is too busy, or its circuit open.
 *
 * A copy of a record that this process is done with is passed over. Resolves when the log entry and the next step are durable: only then may the offset move. Rejects on a fault of
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

  if (deps.recent.has(delivery, record)) return passOver(delivery, deps);

  const span = deliverySpan(delivery, record, deps);
  let end = unwritten.get(record) ?? (await attempt(delivery, record, deps, { signal, span }));
  for (;;) {
    try {
      // One call: the entry and the next step get on the way together, and both are durable before the offset moves.
      if (end.records.length > 0) await deps.sendAll(traced(end.records, span.context, deps));
    } catch (fault) {
      unwritten.set(record, end);
      throw fault;
    }
    unwritten.delete(record);
    if (!end.again) break;
    const { delivery: next, onFreshConnection } = end.again;
    end = await attempt(next, record, deps, { signal, span, isRetry: true, onFreshConnection });
  }
  deps.recent.add(delivery, record, { isPutOff: end.isPutOff ?? false });
  span.end();
}

/** From the moment the record is taken until what came of it is durable. */
function deliverySpan(
  delivery: Delivery,
  { topic, partition, offset, headers }: IncomingRecord,
  deps: AttemptDeps,
) {
  return deps.tracing.span(`process ${topic}`, {
    kind: 'consumer',
    parent: traceContextOf(headers),
    attributes: () => ({
      ...messagingAttributes('process', { topic, partition, offset }),
      'dits.event_id': delivery.event_id,
      'dits.delivery_id': delivery.delivery_id,
      'dits.webhook_id': delivery.webhook_id,
      'dits.trigger': delivery.trigger,
    }),
  });
}

/** What follows goes on in the same trace. A dead letter has the headers of its original, untouched. */
function traced(
  records: OutgoingRecord[],
  context: TraceContext | undefined,
  { topics }: AttemptDeps,
): OutgoingRecord[] {
  if (!context) return records;
  return records.map((record) =>
    record.topic === topics.deadLetters
      ? record
      : { ...record, headers: { ...record.headers, ...traceHeaders(context) } },
  );
}

function passOver(delivery: Delivery, { metrics, log }: AttemptDeps): void {
  metrics.repeated();
  log.info(idsOf(delivery), 'delivery.repeated');
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
  {
    signal,
    span,
    isRetry = false,
    onFreshConnection = false,
  }: { signal: AbortSignal; span: Span; isRetry?: boolean; onFreshConnection?: boolean },
): Promise<AttemptEnd> {
  const { webhooks, gate } = deps;
  const limits = (): GateLimits => limitsOf(webhooks.find(delivery.webhook_id));
  const entry = await gate.enter({ webhookId: delivery.webhook_id, limits, isRetry, signal });
  const pass = entry.kind === 'entered' ? entry.pass : null;
  let result: SendResult | null = null;
  try {
    await knowChanges(delivery, record, deps);
    if (isReplaced(delivery, deps)) return drop(delivery, deps);
    const webhook = webhooks.find(delivery.webhook_id);
    if (!webhook?.active || wasOffMeanwhile(delivery, webhook)) return cancel(delivery, webhook, deps);
    // The record of an immediate retry is one whose attempt was made, whatever becomes of the retry.
    if (entry.kind === 'deferred')
      return { ...defer(delivery, entry.deferral, record, deps), ...(isRetry && { isPutOff: false }) };

    const { timeoutMs, userAgent, now } = deps;
    const startedAtMs = now();
    const own = deps.headersOf(webhook);
    const sending = attemptSpan(deps.tracing, { delivery, url: webhook.url, parent: span.context });
    const secrets = deps.secretsOf(webhook, startedAtMs);
    const traceparent = webhook.send_traceparent ? sending.context?.traceparent : undefined;
    const headers = requestHeaders({ delivery, secrets, nowMs: startedAtMs, userAgent, own, traceparent });
    // Not broken off by the signal: the receiver may have acted on it, so its end is worth waiting for.
    const { url } = webhook;
    result = await endOnFault(
      sending,
      deps.send({ url, headers, body: delivery.body, timeoutMs, onFreshConnection }),
    );
    const { outcome, reason } = classify(result, { retryStatuses: webhook.retry_statuses });
    endAttempt(sending, { result, outcome });
    if (pass) gate.leave(pass, verdictOf(result, outcome));
    return conclude({ delivery, webhook, record, headers, own, result, outcome, reason, startedAtMs }, deps);
  } finally {
    if (pass && result === null) gate.leave(pass, 'none');
  }
}

const DEFAULT_CONCURRENCY = 16; // Enough for a fast receiver, few enough for a small one: what the design promises.

function limitsOf(webhook: WebhookSnapshot | undefined): GateLimits {
  return {
    maxConcurrency: Math.max(1, webhook?.max_concurrency ?? DEFAULT_CONCURRENCY),
    ratePerSecond: webhook?.rate_limit_per_second ?? null,
  };
}

/** What an attempt says about its receiver: one that rejects is there and well. */
function verdictOf({ kind, staleConnection }: SendResult, outcome: Outcome): 'success' | 'failure' | 'none' {
  if (kind === 'forbidden_destination' || staleConnection) return 'none';
  return outcome === 'retryable' ? 'failure' : 'success';
}

// Beyond it a delivery has waited, for us or at the gate.
const FRESH_MS = 1_000;

/**
 * Resolves when the tables know every change that counts for an attempt: of one that was routed a moment ago, those that were
 * confirmed before its event was accepted, which costs nothing; of one in a backlog, those that were confirmed until now, one request
 * to Kafka for all that begin in the same 50 ms; of any other, all that were made until now, about 2 ms and one request for all that begin
 * meanwhile.
 */
async function knowChanges(
  delivery: Delivery,
  record: IncomingRecord,
  { webhooks, redeliveries, now }: AttemptDeps,
): Promise<void> {
  const mark = record.headers[WEBHOOKS_MARK_HEADER];
  const waited = hasWaited(delivery);
  // A dead letter that was put back has the mark of its event, and the webhook may have been mended since.
  const isFirst = mark !== undefined && !waited && replayOf(record) === null;
  if (isFirst) {
    const isFresh = now() - record.timestampMs < FRESH_MS;
    await (isFresh ? webhooks.catchUpTo(mark.toString()) : webhooks.catchUp(WEBHOOKS_MAX_AGE_MS));
    // Else the router knows it and we do not: it was registered after the mark, or is deleted.
    if (webhooks.find(delivery.webhook_id)) return;
  }
  // What has waited may have been asked for again; a first attempt has hardly had the time.
  await Promise.all([webhooks.catchUp(0), waited && redeliveries.catchUp()]);
}

const hasWaited = ({ first_attempt_at_ms, deferrals }: Delivery): boolean =>
  first_attempt_at_ms != null || deferrals > 0;

/** True when a redelivery or replay that was asked for later makes the attempt in this one's place. */
function isReplaced({ delivery_id, redelivered_at_ms }: Delivery, { redeliveries }: AttemptDeps): boolean {
  const newestMs = redeliveries.newestOf(delivery_id);
  return newestMs !== undefined && (redelivered_at_ms ?? -Infinity) < newestMs;
}

/** A webhook that is switched on again gets nothing by itself that was being retried when it was switched off. */
function wasOffMeanwhile({ first_attempt_at_ms }: Delivery, webhook: WebhookSnapshot): boolean {
  return first_attempt_at_ms != null && first_attempt_at_ms < (webhook.deactivated_at_ms ?? -Infinity);
}
