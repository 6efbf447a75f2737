import type { Delivery, Outcome } from '@dits/contracts';
import type { Deferral, SendResult } from '@dits/domain';
import { counter, gauge, histogram } from '@dits/runtime';
import type { DeliveryGate } from './delivery-gate.js';

/** What the stage counts. */
export interface AttemptMetrics {
  attempted(made: { delivery: Delivery; result: SendResult; outcome: Outcome; startedAtMs: number }): void;
  /** Put off without an attempt. */
  deferred(reason: Deferral['reason']): void;
  cancelled(reason: 'webhook_deleted' | 'webhook_inactive'): void;
  /** A waiting attempt was dropped for a redelivery's. */
  replaced(): void;
  /** A copy of a record that was done was passed over. */
  repeated(): void;
  failed(reason: string): void;
}

/** Makes the dispatcher's metrics on the process's registry. */
export function createMetrics(gate: DeliveryGate): AttemptMetrics {
  const attempts = counter({
    name: 'dits_attempts_total',
    help: 'Attempts made, by outcome and class of the status (2xx to 5xx; none: no answer).',
    labelNames: ['outcome', 'status_class'],
  });
  const attemptSeconds = histogram({
    name: 'dits_attempt_duration_seconds',
    help: 'From the first DNS query to the last body byte or the error.',
    labelNames: ['outcome'],
  });
  const toFirstAttemptSeconds = histogram({
    name: 'dits_event_to_first_attempt_seconds',
    help: 'From the acceptance of an event to the beginning of the first attempt of a delivery of it.',
    buckets: [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
  });
  const toDeliveredSeconds = histogram({
    name: 'dits_accept_to_delivered_seconds',
    help: 'From the acceptance of an event to the end of the attempt that delivered it, retries among them.',
    // From a receiver that is there to one that was away for the whole schedule.
    buckets: [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14_400, 86_400],
  });
  const deferred = counter({
    name: 'dits_deferrals_total',
    help: 'Deliveries put off without an attempt, by reason: busy, rate_limited, circuit_open.',
    labelNames: ['reason'],
    zeros: [{ reason: 'busy' }, { reason: 'rate_limited' }, { reason: 'circuit_open' }],
  });
  const cancelled = counter({
    name: 'dits_deliveries_cancelled_total',
    help: 'Deliveries ended without an attempt, by reason.',
    labelNames: ['reason'],
    zeros: [{ reason: 'webhook_deleted' }, { reason: 'webhook_inactive' }],
  });
  const replaced = counter({
    name: 'dits_deliveries_replaced_total',
    help: 'Waiting attempts that were dropped because the delivery was asked for again.',
  });
  const repeated = counter({
    name: 'dits_deliveries_repeated_total',
    help: 'Copies of handled records that were passed over: a dispatcher or retrier died before it had committed them.',
  });
  const deadLetters = counter({
    name: 'dits_dead_letters_total',
    help: 'Records put on dits.dead-letters, by who gave up and why.',
    labelNames: ['stage', 'reason'],
    zeros: ['schedule_ended', 'put_off_too_long'].map((reason) => ({ stage: 'dispatcher', reason })),
  });
  gauge({
    name: 'dits_attempts_in_flight',
    help: 'Attempts that have begun and not ended.',
    collect: (inFlight) => inFlight.set(gate.inFlight),
  });
  gauge({
    name: 'dits_deliveries_waiting',
    help: 'Deliveries that wait for a place at their webhook, or in the process.',
    collect: (waiting) => waiting.set(gate.waiting),
  });

  gauge({
    name: 'dits_circuits',
    help: 'Webhooks whose circuit breaker keeps requests away (open) or lets a probe through (half_open).',
    labelNames: ['state'],
    collect: (circuits) => {
      for (const [state, count] of Object.entries(gate.circuits())) circuits.set({ state }, count);
    },
  });

  return {
    attempted({ delivery, result, outcome, startedAtMs }) {
      const statusClass = result.kind === 'response' ? `${Math.floor(result.status / 100)}xx` : 'none';
      attempts.inc({ outcome, status_class: statusClass });
      attemptSeconds.observe({ outcome }, result.durationMs / 1000);
      // Only events: a redelivery's event was accepted whenever.
      if (delivery.trigger !== 'event') return;
      if (outcome === 'delivered') {
        toDeliveredSeconds.observe((startedAtMs + result.durationMs - delivery.accepted_at_ms) / 1000);
      }
      if (delivery.attempt === 1) {
        toFirstAttemptSeconds.observe((startedAtMs - delivery.accepted_at_ms) / 1000);
      }
    },
    deferred: (reason) => deferred.inc({ reason }),
    cancelled: (reason) => cancelled.inc({ reason }),
    replaced: () => replaced.inc(),
    repeated: () => repeated.inc(),
    failed: (reason) => deadLetters.inc({ stage: 'dispatcher', reason }),
  };
}
