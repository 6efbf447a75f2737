import { readEvent, type AnyEvent, type EventCatalogue, type EventType, type Problem } from '@dits/contracts';
import { ownerLoginsOf } from '@dits/domain';
import type { OutgoingRecord } from '@dits/kafka';
import {
  endWith,
  messagingAttributes,
  tokenReaches,
  traceHeaders,
  type TraceContext,
  type Tracing,
  type VerifiedToken,
} from '@dits/runtime';

/** What accepting events needs. */
export interface AcceptDeps {
  catalogue: EventCatalogue;
  /** The events topic, with its prefix. */
  topic: string;
  /** Throws `RegistryFault` while the schemas are not registered. */
  encodeEvent(type: EventType, event: AnyEvent): Buffer;
  /** Resolves when all records are on all in-sync replicas; rejects with `KafkaFault`. */
  sendAll(records: OutgoingRecord[]): Promise<void>;
  tracing: Tracing;
  now(): number;
  newEventId(nowMs: number): string;
}

/** What became of a request: all of its events are durable, or none was sent. */
export type Acceptance =
  | { kind: 'accepted'; eventIds: string[]; eventNames: string[] }
  | { kind: 'refused'; status: 403 | 413 | 422; code: string; problems: Problem[] };

/** A request as it came. */
export interface Submission {
  /** The parsed body: one event, or a list. */
  json: unknown;
  bodyBytes: number;
  token: VerifiedToken;
  /** Where the request is in its producer's trace; the events go on there. */
  trace?: TraceContext | undefined;
}

export const MAX_EVENTS = 1_000;
// 1 MiB: what a Kafka broker takes as one record by default; Avro is never longer than the JSON it comes from.
export const MAX_EVENT_BYTES = 1_048_576;
// A batch of nothing but mistakes must not get an answer longer than itself.
const MAX_PROBLEMS = 50;
const MAX_PATH_LENGTH = 200;

/**
 * Makes the events of one request durable on `dits.events`: all of them, or none when one is wrong.
 *
 * An event without `event_id` gets a UUIDv7, one without `occurred_at` the time of the request. An `event_id` that
 * comes twice in a request is sent once. Rejects with `KafkaFault` or `RegistryFault` when the events are not known to be durable.
 */
export async function acceptEvents(
  { json, bodyBytes, token, trace }: Submission,
  deps: AcceptDeps,
): Promise<Acceptance> {
  const isBatch = Array.isArray(json);
  const items: unknown[] = isBatch ? json : [json];
  if (items.length === 0 || items.length > MAX_EVENTS) {
    const message = `must hold 1 to ${MAX_EVENTS} events, and holds ${items.length}`;
    return refused(422, 'invalid_event', [{ path: 'events', message }]);
  }
  const tooLarge = `is larger than ${MAX_EVENT_BYTES} bytes`;
  if (!isBatch && bodyBytes > MAX_EVENT_BYTES) {
    return refused(413, 'event_too_large', [{ path: '', message: tooLarge }]);
  }
  const pathOf = (i: number, path: string): string =>
    isBatch ? [`events[${i}]`, path].filter(Boolean).join('.') : path;

  // One reading of the clock, so that all events of a request have one accept time.
  const nowMs = deps.now();
  const defaults = { eventId: () => deps.newEventId(nowMs), occurredAt: () => new Date(nowMs).toISOString() };
  const read: { type: EventType; event: AnyEvent }[] = [];
  const problems: Problem[] = [];
  for (const [i, item] of items.entries()) {
    if (problems.length >= MAX_PROBLEMS) break;
    const result = readEvent(item, deps.catalogue, defaults);
    if (result.kind === 'event') read.push(result);
    else problems.push(...result.problems.map(({ path, message }) => ({ path: pathOf(i, path), message })));
  }
  if (problems.length > 0) return refused(422, 'invalid_event', problems);

  // Only a body above the limit can hold an event above it. (Measured after the check: a checked event is not deep.)
  const large =
    bodyBytes > MAX_EVENT_BYTES ? items.findIndex((item) => jsonBytes(item) > MAX_EVENT_BYTES) : -1;
  if (large !== -1) return refused(413, 'event_too_large', [{ path: pathOf(large, ''), message: tooLarge }]);

  const beyond = read.flatMap(({ event }, i) =>
    ownerLoginsOf(event).every((ownerLogin) =>
      tokenReaches(token, { repositoryId: event.repository.id, ownerLogin }),
    )
      ? []
      : [
          {
            path: pathOf(i, 'repository.id'),
            message: 'is a repository that this token may not post events for',
          },
        ],
  );
  if (beyond.length > 0) return refused(403, 'repository_out_of_reach', beyond);

  const once = new Map(read.toReversed().map((one) => [one.event.event_id, one]));
  const span = deps.tracing.span(`send ${deps.topic}`, {
    kind: 'producer',
    parent: trace,
    attributes: () => ({
      ...messagingAttributes('send', { topic: deps.topic }),
      'messaging.batch.message_count': once.size,
    }),
  });
  const headers = traceHeaders(span.context);
  const records = read
    .filter((one) => once.get(one.event.event_id) === one)
    .map(({ type, event }) => ({
      topic: deps.topic,
      key: String(event.repository.id),
      value: deps.encodeEvent(type, event),
      headers,
      timestampMs: nowMs,
    }));
  await endWith(span, deps.sendAll(records));
  return {
    kind: 'accepted',
    eventIds: read.map(({ event }) => event.event_id),
    eventNames: read.map(({ type }) => type.event),
  };
}

function refused(status: 403 | 413 | 422, code: string, problems: Problem[]): Acceptance {
  return { kind: 'refused', status, code, problems: problems.slice(0, MAX_PROBLEMS).map(clipPath) };
}

// The name of an unknown field is the sender's, and may be as long as the body.
function clipPath({ path, message }: Problem): Problem {
  return { path: path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH)}…` : path, message };
}

function jsonBytes(item: unknown): number {
  return Buffer.byteLength(JSON.stringify(item));
}
