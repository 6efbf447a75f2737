import { randomUUID } from 'node:crypto';
import type { AnyEvent, Attempted } from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import { HistoryPartitions, HistoryProjection, type HistoryItem, type LogEntry } from '@dits/persistence';
import type { TestApi } from '../testing.js';

const DAY_MS = 86_400_000;

/** An event in the history, as a test writes it. */
export interface TestEvent {
  acceptedAtMs: number;
  event?: string;
  repositoryId?: number;
  ref?: string;
  owner?: string;
  /** Webhooks that it was matched with. */
  webhookIds?: string[];
}

/** An event that was recorded, with the ids of its deliveries in the order of its webhooks. */
export interface RecordedEvent {
  eventId: string;
  deliveryIds: string[];
}

/** Writes the history of an API under test as the recorder does. */
export class TestHistory {
  private readonly projection: HistoryProjection;

  constructor(api: TestApi) {
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database: api.database, retention, now: Date.now });
    this.projection = new HistoryProjection({ database: api.database, partitions });
  }

  /** An event that was accepted and routed. Older than seven days it has no body. */
  async event(o: TestEvent): Promise<RecordedEvent> {
    const { acceptedAtMs, event = 'push', repositoryId = 123, webhookIds = [] } = o;
    const eventId = randomUUID();
    const deliveries = webhookIds.map((webhook_id) => ({
      delivery_id: deliveryId({ acceptedAtMs, eventId, webhookId: webhook_id }),
      webhook_id,
    }));
    const owner = o.owner ?? 'acme';
    const record: AnyEvent = {
      event_id: eventId,
      occurred_at: new Date(acceptedAtMs).toISOString(),
      repository: { id: repositoryId, name: 'film', full_name: `${owner}/film` },
      ...(o.ref !== undefined && { ref: o.ref }),
    };
    const routed: LogEntry = {
      name: 'routed',
      record: {
        event_id: eventId,
        event,
        accepted_at_ms: acceptedAtMs,
        routed_at_ms: acceptedAtMs + 5,
        repository_id: repositoryId,
        repository_full_name: `${owner}/film`,
        trigger: 'event',
        body: Buffer.from(`{"event":"${event}","event_id":"${eventId}"}`),
        deliveries,
      },
    };
    await this.apply({ event, acceptedAtMs, record }, routed);
    return { eventId, deliveryIds: deliveries.map(({ delivery_id }) => delivery_id) };
  }

  /** An attempt of a delivery that {@link event} made; by default it is delivered. */
  async attempt(
    which: { eventId: string; webhookId: string; acceptedAtMs: number },
    fields: Partial<Attempted> = {},
  ): Promise<void> {
    const { eventId, webhookId, acceptedAtMs } = which;
    const record: Attempted = {
      delivery_id: deliveryId({ acceptedAtMs, eventId, webhookId }),
      event_id: eventId,
      webhook_id: webhookId,
      event: 'push',
      accepted_at_ms: acceptedAtMs,
      attempt: 1,
      schedule_attempt: 1,
      trigger: 'event',
      started_at_ms: acceptedAtMs + 10,
      duration_ms: 12.5,
      outcome: 'delivered',
      status_code: 200,
      phases_ms: { headers: 11 },
      url: 'https://a.example/',
      request_headers: {},
      response_headers: {},
      response_body: Buffer.from('OK'),
      response_truncated: false,
      next_step: 'done',
      ...fields,
    };
    await this.apply({ name: 'attempted', record });
  }

  private async apply(...items: HistoryItem[]): Promise<void> {
    const { refused, outOfRange } = await this.projection.apply(items, (item) => item);
    if (refused.length + outOfRange.length > 0) throw new Error('the history does not take it');
  }
}

/** What makes an attempt one that failed for good. */
export const FAILED = {
  outcome: 'rejected',
  status_code: 404,
  next_step: 'failed',
  failure_reason: 'http_404',
} satisfies Partial<Attempted>;

/** What makes an attempt one that is followed by another. */
export const RETRIED = {
  outcome: 'retryable',
  status_code: 503,
  next_step: 'retry',
  next_attempt_at_ms: Date.now() + DAY_MS,
} satisfies Partial<Attempted>;
