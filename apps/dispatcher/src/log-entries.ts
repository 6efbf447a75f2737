import type { Attempted, Cancelled, DeadLettered, Deferred, Delivery, Outcome } from '@dits/contracts';
import type { Deferral, SendResult, Step } from '@dits/domain';

/** The entry of an attempt that was made. */
export function attemptedEntry(made: {
  delivery: Delivery;
  url: string;
  headers: Record<string, string>;
  result: SendResult;
  outcome: Outcome;
  step: Step;
  startedAtMs: number;
  nowMs: number;
}): Attempted {
  const { delivery, url, headers, result, outcome, step, startedAtMs, nowMs } = made;
  return {
    ...identity(delivery),
    schedule_attempt: delivery.schedule_attempt,
    trigger: delivery.trigger,
    started_at_ms: startedAtMs,
    duration_ms: result.durationMs,
    outcome,
    ...answerFields(result),
    phases_ms: { ...result.phasesMs },
    remote_address: result.remoteAddress,
    url,
    request_headers: headers,
    next_step: step.kind,
    next_attempt_at_ms: nextAttemptAtMs(step, nowMs),
    failure_reason: step.kind === 'failed' ? step.reason : null,
  };
}

/** The entry of a delivery that ends without an attempt. */
export function cancelledEntry(
  delivery: Delivery,
  { reason, nowMs }: { reason: 'webhook_deleted' | 'webhook_inactive'; nowMs: number },
): Cancelled {
  return { ...identity(delivery), cancelled_at_ms: nowMs, reason };
}

/** The entry of a delivery that was put off; `deferrals` counts this time. */
export function deferredEntry(
  delivery: Delivery,
  o: { reason: Deferral['reason']; notBeforeMs: number; nowMs: number },
): Deferred {
  return {
    ...identity(delivery),
    deferrals: delivery.deferrals,
    deferred_at_ms: o.nowMs,
    not_before_ms: o.notBeforeMs,
    reason: o.reason,
  };
}

/** The entry of a delivery that will not be tried again by itself. */
export function deadLetteredEntry(
  delivery: Delivery,
  { reason, nowMs }: { reason: string; nowMs: number },
): DeadLettered {
  return { ...identity(delivery), dead_lettered_at_ms: nowMs, reason };
}

function identity(delivery: Delivery) {
  const { delivery_id, event_id, webhook_id, event, accepted_at_ms, attempt, redelivered_at_ms } = delivery;
  return {
    delivery_id,
    event_id,
    webhook_id,
    event,
    accepted_at_ms,
    attempt,
    redelivered_at_ms: redelivered_at_ms ?? null,
  };
}

function answerFields(result: SendResult) {
  if (result.kind !== 'response') {
    return {
      error_class: result.kind,
      error_phase: result.phase,
      error_message: result.message,
      response_headers: {},
      response_truncated: false,
    };
  }
  return {
    status_code: result.status,
    response_headers: result.headers,
    response_body: result.body,
    response_truncated: result.truncated,
  };
}

function nextAttemptAtMs(step: Step, nowMs: number): number | null {
  if (step.kind === 'retry') return step.notBeforeMs;
  return step.kind === 'immediate_retry' ? nowMs : null;
}
