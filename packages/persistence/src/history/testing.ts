import type { AnyEvent, Attempted, Cancelled, DeadLettered, Deferred, Routed } from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import type { HistoryItem, ProjectedEvent } from './history-rows.js';
import type { LogEntry } from './log-entry.js';

// Factories for tests. Everything is about one event and one webhook unless a test says otherwise.

/** How a projection reads sources that are items. */
export const itself = (item: HistoryItem): HistoryItem => item;

/** When the event was accepted. */
export const ACCEPTED_AT_MS = Date.UTC(2026, 10, 25, 9, 12, 14, 7);
export const EVENT_ID = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
export const WEBHOOK_ID = '6fa459ea-ee8a-4ca4-894e-db77e160355e';

interface Which {
  event_id?: string;
  webhook_id?: string;
  accepted_at_ms?: number;
}

function identity({ event_id = EVENT_ID, webhook_id = WEBHOOK_ID, accepted_at_ms = ACCEPTED_AT_MS }: Which) {
  return {
    delivery_id: deliveryId({ acceptedAtMs: accepted_at_ms, eventId: event_id, webhookId: webhook_id }),
    event_id,
    webhook_id,
    event: 'push',
    accepted_at_ms,
  };
}

export const DELIVERY_ID = identity({}).delivery_id;

export function anEvent(
  o: Partial<ProjectedEvent> & { event_id?: string; ref?: string } = {},
): ProjectedEvent {
  const { event_id = EVENT_ID, ref = 'refs/heads/main', ...rest } = o;
  const record: AnyEvent = {
    event_id,
    occurred_at: '2026-11-25T09:12:14Z',
    repository: { id: 123, name: 'my-project', full_name: 'User/my-project', owner: null },
    ref,
  };
  return { event: 'push', acceptedAtMs: ACCEPTED_AT_MS, record, ...rest };
}

export function aRouted({
  webhook_ids = [WEBHOOK_ID],
  ...o
}: Partial<Routed> & { webhook_ids?: string[] } = {}) {
  const { event_id, event, accepted_at_ms } = identity(o);
  const record: Routed = {
    event_id,
    event,
    accepted_at_ms,
    routed_at_ms: accepted_at_ms + 5,
    repository_id: 123,
    repository_full_name: 'User/my-project',
    trigger: 'event',
    body: Buffer.from('{"event":"push"}'),
    deliveries: webhook_ids.map((webhook_id) => {
      const { delivery_id } = identity({ ...o, webhook_id });
      return { delivery_id, webhook_id };
    }),
    ...o,
  };
  return { name: 'routed', record } satisfies LogEntry;
}

export function anAttempted(o: Partial<Attempted> = {}) {
  const record: Attempted = {
    ...identity(o),
    attempt: 1,
    schedule_attempt: 1,
    trigger: 'event',
    started_at_ms: ACCEPTED_AT_MS + 10,
    duration_ms: 12.5,
    outcome: 'delivered',
    status_code: 200,
    error_class: null,
    error_phase: null,
    error_message: null,
    phases_ms: { dns: 0.5, connect: 1, headers: 11 },
    remote_address: '127.0.0.1:443',
    url: 'https://your-app.com/webhook',
    request_headers: { 'X-Dits-Attempt': '1' },
    response_headers: { 'content-type': 'text/plain' },
    response_body: Buffer.from('OK'),
    response_truncated: false,
    next_step: 'done',
    next_attempt_at_ms: null,
    failure_reason: null,
    ...o,
  };
  return { name: 'attempted', record } satisfies LogEntry;
}

/** An attempt that was answered 503 and is to be made again a minute later. */
export function aRetried(o: Partial<Attempted> = {}) {
  const started_at_ms = o.started_at_ms ?? ACCEPTED_AT_MS + 10;
  return anAttempted({
    started_at_ms,
    outcome: 'retryable',
    status_code: 503,
    next_step: 'retry',
    next_attempt_at_ms: started_at_ms + 60_000,
    ...o,
  });
}

export function aDeferred(o: Partial<Deferred> = {}) {
  const record: Deferred = {
    ...identity(o),
    attempt: 1,
    deferrals: 1,
    deferred_at_ms: ACCEPTED_AT_MS + 8,
    not_before_ms: ACCEPTED_AT_MS + 15_008,
    reason: 'busy',
    ...o,
  };
  return { name: 'deferred', record } satisfies LogEntry;
}

export function aCancelled(o: Partial<Cancelled> = {}) {
  const record: Cancelled = {
    ...identity(o),
    attempt: 1,
    cancelled_at_ms: ACCEPTED_AT_MS + 9,
    reason: 'webhook_deleted',
    ...o,
  };
  return { name: 'cancelled', record } satisfies LogEntry;
}

export function aDeadLettered(o: Partial<DeadLettered> = {}) {
  const record: DeadLettered = {
    ...identity(o),
    attempt: 1,
    dead_lettered_at_ms: ACCEPTED_AT_MS + 30,
    reason: 'status_404',
    ...o,
  };
  return { name: 'dead-lettered', record } satisfies LogEntry;
}
