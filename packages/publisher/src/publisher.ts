import type { EventName } from '@dits/contracts';
import type { EventFields, EventInput } from './event-input.js';
import type { MethodName } from './method-name.js';

/** How a publisher is. */
export interface PublisherHealth {
  /** False from a failed request until Kafka answers again, and until the registry has given the ids of the schemas. */
  ok: boolean;
  /** What is wrong; absent when nothing is known to be. */
  problem?: string;
  /** Events that wait or are under way. */
  unsentEvents: number;
  /** Their bytes, rather too many. */
  unsentBytes: number;
}

/** What every publisher has, whatever the event types. */
export interface PublisherBase {
  /**
   * Publishes one event of any type. Resolves with its `event_id` when all in-sync replicas have it.
   *
   * Rejects with `InvalidEventError` before anything is sent when the event is not what its schema says or is larger than
   * 1 MiB as JSON. Rejects with `PublishError`: `full` at once when too many events wait; `not_confirmed` when Kafka
   * and the registry did not do their part by the deadline; `closed` after `close()`.
   *
   * Events of one repository arrive in the order of the calls. What fails is sent again until the deadline; a consumer may
   * see a repeat, under the same `event_id`.
   */
  publish(event: EventInput): Promise<string>;
  /**
   * Publishes a list of any length, in its order, and waits for room where `publish` rejects. Resolves with the ids, in
   * the order of the list, when all are durable.
   *
   * All are checked first: `InvalidEventError`, its paths beginning with `events[3]`, means that none was sent. `PublishError` has in
   * `events` those that are not known to be durable.
   */
  publishAll(events: readonly EventInput[]): Promise<string[]>;
  /** Resolves when every event published before has either arrived or been rejected. Never rejects. */
  flush(): Promise<void>;
  /** Takes no more events, flushes, and disconnects. Takes up to about the deadline while Kafka is away. */
  close(): Promise<void>;
  /** How it is now. Asks nobody. */
  health(): PublisherHealth;
}

/** A function for each event type, named as the event: `push.tag` has `pushTag`. As `publish`, for the event's fields. */
export type EventFunctions = {
  [E in EventName as MethodName<E>]: (fields: EventFields<E>) => Promise<string>;
};

/** Publishes events to Kafka. */
export type Publisher = PublisherBase & EventFunctions;
