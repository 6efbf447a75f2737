import {
  PoisonRecordError,
  ROUTE_AGAIN_HEADER,
  WEBHOOKS_MARK_HEADER,
  type AnyEvent,
  type Delivery,
  type EventType,
  type RecordName,
  type RecordsByName,
  type Routed,
  type TopicNames,
  type WebhookSnapshot,
} from '@dits/contracts';
import { buildBody, deliveryId, ownerLoginOf, type EventScope } from '@dits/domain';
import { replayOf, type IncomingRecord, type OutgoingRecord } from '@dits/kafka';
import { OutgoingChunk } from './outgoing-chunk.js';
import { messagingAttributes, traceContextOf, traceHeaders, type Span, type Tracing } from '@dits/runtime';
import type { RecentEventIds } from './recent-event-ids.js';
import { acceptToRoutedSeconds, deliveriesCreated, eventsRepeated, eventsRouted } from './route-metrics.js';

// A `routed` entry names each of its deliveries in 74 bytes. 5,000: with the largest body still half of what a record may hold.
const MAX_DELIVERIES_PER_ENTRY = 5_000;
// The accept time is 48 bits of every delivery id.
const MAX_ACCEPT_TIME_MS = 2 ** 48 - 1;

export interface RouteDeps {
  /** Resolves when {@link match} knows every change of a webhook that was confirmed before the call, to a mark of how far that is. */
  catchUpWebhooks(): Promise<string>;
  match(scope: EventScope): WebhookSnapshot[];
  decodeEvent(value: Buffer | null): Promise<{ type: EventType; event: AnyEvent }>;
  encode<N extends RecordName>(name: N, record: RecordsByName[N]): Buffer;
  sendAll(records: OutgoingRecord[]): Promise<void>;
  deadLetter(record: IncomingRecord, error: PoisonRecordError): Promise<void>;
  recentEventIds: RecentEventIds;
  topics: Pick<TopicNames, 'deliveries' | 'deliveryLog'>;
  maxEventBytes: number;
  tracing: Tracing;
  log: { info(facts: object, message: string): void };
  now(): number;
}

/**
 * Routes a batch of `dits.events`: one delivery per matching webhook to `dits.deliveries`, one `routed` entry per event
 * to `dits.delivery-log`. Records that nobody can read go to the dead letters, repeats of a recent event nowhere.
 *
 * Rejects on a fault; then nothing of the batch counts as routed and the same batch is handed in again. What was
 * already sent is then sent once more with the same ids.
 */
export async function routeEvents(
  records: IncomingRecord[],
  deps: RouteDeps,
  signal?: AbortSignal,
): Promise<void> {
  // Whoever got a 201 for a webhook before posting an event finds it matched.
  const hasNew = records.some(({ lookback }) => !lookback);
  const webhooksMark = hasNew ? await deps.catchUpWebhooks() : '';

  const chunk = new OutgoingChunk((outgoing) => deps.sendAll(outgoing));
  const batchIds = new Map<string, { partition: number; eventId: string }>();
  const poison: { record: IncomingRecord; error: PoisonRecordError }[] = [];
  const repeats: { record: IncomingRecord; eventId: string }[] = [];
  const done: { routed: Routed; span: Span }[] = [];

  for (const record of records) {
    signal?.throwIfAborted();
    try {
      const { type, event } = await readEvent(record, deps);
      const { partition } = record;
      const eventId = event.event_id;
      const identity = identityOf(record, eventId);
      const isKnown =
        batchIds.has(`${partition}/${identity}`) || deps.recentEventIds.has(partition, identity);
      // The audit puts back what was passed over; read back at an assignment, that may be known without ever having been routed.
      const isRepeat = isKnown && record.headers[ROUTE_AGAIN_HEADER] === undefined;
      if (!record.lookback && isRepeat) repeats.push({ record, eventId });
      if (!record.lookback && !isRepeat) {
        const span = spanOf(record, event.event_id, deps);
        const routed = route({ record, name: type.event, event }, deps);
        for (const outgoing of recordsOf(routed, { webhooksMark, span }, deps)) {
          const full = chunk.add(outgoing);
          if (full) await full;
        }
        done.push({ routed, span });
      }
      for (const id of [eventId, identity]) batchIds.set(`${partition}/${id}`, { partition, eventId: id });
    } catch (error) {
      if (!(error instanceof PoisonRecordError)) throw error;
      if (!record.lookback) poison.push({ record, error });
    }
  }
  // Dead letters first: if the rest then fails, a dead letter appears twice, which harms nobody.
  await Promise.all(poison.map(({ record, error }) => deps.deadLetter(record, error)));
  await chunk.flush();

  // Only what is durable may count as seen: a batch that faulted has to route the same ids again.
  for (const { partition, eventId } of batchIds.values()) deps.recentEventIds.add(partition, eventId);
  for (const { routed, span } of done) {
    span.end();
    noteRouted(routed, deps);
  }
  for (const repeat of repeats) noteRepeat(repeat, deps);
}

/**
 * What a record must share with one before to be its repeat: the event id. A dead letter that was put back was not routed when
 * it came first, but has been read since, by whoever looked back; only its own replay can be repeated.
 */
function identityOf(record: IncomingRecord, eventId: string): string {
  const replay = replayOf(record);
  return replay === null ? eventId : `${eventId}/${replay}`;
}

async function readEvent(
  record: IncomingRecord,
  deps: RouteDeps,
): Promise<{ type: EventType; event: AnyEvent }> {
  const { value, timestampMs } = record;
  if (value && value.length > deps.maxEventBytes) {
    throw new PoisonRecordError('too_large', `${value.length} bytes, more than ${deps.maxEventBytes}`);
  }
  if (!(timestampMs >= 0 && timestampMs <= MAX_ACCEPT_TIME_MS)) {
    throw new PoisonRecordError('invalid_value', `the record's timestamp is ${timestampMs}`);
  }
  return deps.decodeEvent(value);
}

/** The event with its deliveries, none sent yet. */
function route(
  { record, name, event }: { record: IncomingRecord; name: string; event: AnyEvent },
  deps: RouteDeps,
): Routed {
  const { repository, event_id } = event;
  const acceptedAtMs = record.timestampMs;
  const webhooks = deps.match({
    event: name,
    repositoryId: repository.id,
    ownerLogin: ownerLoginOf(event),
  });
  return {
    event_id,
    event: name,
    accepted_at_ms: acceptedAtMs,
    routed_at_ms: deps.now(),
    repository_id: repository.id,
    repository_full_name: repository.full_name,
    trigger: 'event',
    body: buildBody(name, event),
    deliveries: webhooks.map(({ webhook_id }) => ({
      delivery_id: deliveryId({ acceptedAtMs, eventId: event_id, webhookId: webhook_id }),
      webhook_id,
    })),
  };
}

/** From the moment the event is read until its deliveries are durable. */
function spanOf(
  { topic, partition, offset, headers }: IncomingRecord,
  eventId: string,
  deps: RouteDeps,
): Span {
  return deps.tracing.span(`process ${topic}`, {
    kind: 'consumer',
    parent: traceContextOf(headers),
    attributes: () => ({
      ...messagingAttributes('process', { topic, partition, offset }),
      'dits.event_id': eventId,
    }),
  });
}

/** The records to send, made one by one: a large body times many webhooks would not fit in memory. */
function* recordsOf(
  routed: Routed,
  { webhooksMark, span }: { webhooksMark: string; span: Span },
  deps: RouteDeps,
): Generator<OutgoingRecord> {
  const { topics } = deps;
  const timestampMs = routed.routed_at_ms;
  const { deliveries } = routed;
  const trace = traceHeaders(span.context);
  const headers = { [WEBHOOKS_MARK_HEADER]: webhooksMark, ...trace };
  span.set(() => ({ 'dits.event': routed.event, 'dits.deliveries': deliveries.length }));
  for (let from = 0; from === 0 || from < deliveries.length; from += MAX_DELIVERIES_PER_ENTRY) {
    const part = { ...routed, deliveries: deliveries.slice(from, from + MAX_DELIVERIES_PER_ENTRY) };
    yield {
      topic: topics.deliveryLog,
      key: routed.event_id,
      value: deps.encode('routed', part),
      headers: trace,
      timestampMs,
    };
  }
  for (const { delivery_id, webhook_id } of deliveries) {
    const delivery: Delivery = {
      delivery_id,
      event_id: routed.event_id,
      webhook_id,
      event: routed.event,
      accepted_at_ms: routed.accepted_at_ms,
      body: routed.body,
      attempt: 1,
      schedule_attempt: 1,
      deferrals: 0,
      not_before_ms: null,
      first_attempt_at_ms: null,
      trigger: 'event',
    };
    yield {
      topic: topics.deliveries,
      key: webhook_id,
      value: deps.encode('delivery', delivery),
      headers,
      timestampMs,
    };
  }
}

function noteRouted(routed: Routed, deps: RouteDeps): void {
  const { event, event_id, accepted_at_ms, deliveries } = routed;
  const routingMs = Math.max(0, deps.now() - accepted_at_ms);
  eventsRouted.inc({ event });
  deliveriesCreated.inc({ event }, deliveries.length);
  acceptToRoutedSeconds.observe(routingMs / 1000);
  deps.log.info(
    {
      event_id,
      event,
      repository_id: routed.repository_id,
      deliveries: deliveries.length,
      body_bytes: routed.body.length,
      accept_to_routed_ms: routingMs,
    },
    'event.routed',
  );
}

function noteRepeat(
  { record, eventId }: { record: IncomingRecord; eventId: string },
  { log }: RouteDeps,
): void {
  eventsRepeated.inc();
  log.info(
    { event_id: eventId, partition: record.partition, offset: String(record.offset) },
    'event.repeated',
  );
}
