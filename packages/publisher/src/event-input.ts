import type { EventName, EventRecords } from '@dits/contracts';

type Assigned = 'event_id' | 'occurred_at';

/**
 * Fields of an event as its producer gives them: the JSON of the gateway without `event`. Absent, `event_id` becomes a
 * UUIDv7 and `occurred_at` the time of the call.
 */
export type EventFields<E extends EventName = EventName> = E extends EventName
  ? Omit<EventRecords[E], Assigned> & Partial<Pick<EventRecords[E], Assigned>>
  : never;

/** Any event, told apart by `event`: the JSON of the gateway. */
export type EventInput<E extends EventName = EventName> = E extends EventName
  ? { event: E } & EventFields<E>
  : never;
