import type avsc from 'avsc';
import type { EventSchema, SchemaBundle } from './bundle-schemas.js';
import { avroType, fullName } from './record-types.js';

/** An event type with its Avro type. */
export interface EventType extends EventSchema {
  /** `io.dits.events.Push`. */
  recordName: string;
  type: avsc.types.RecordType;
}

/** Any event as decoded from Avro: optional fields are null or missing. */
export interface AnyEvent {
  repository: { id: number; name: string; full_name: string; owner?: { login?: string | null } | null };
  event_id: string;
  occurred_at: string;
  [field: string]: unknown;
}

/** The event types a process knows. Made once at start from a {@link SchemaBundle}; nothing else lists them. */
export class EventCatalogue {
  readonly all: readonly EventType[];
  private readonly byEvent: Map<string, EventType>;
  private readonly byRecord: Map<string, EventType>;

  constructor({ events }: Pick<SchemaBundle, 'events'>) {
    this.all = events.map((event) => ({
      ...event,
      recordName: fullName(event.schema),
      type: avroType(event.schema) as avsc.types.RecordType,
    }));
    this.byEvent = new Map(this.all.map((type) => [type.event, type]));
    this.byRecord = new Map(this.all.map((type) => [type.recordName, type]));
  }

  /** The type of an event name such as `push.tag`. */
  find(event: string): EventType | undefined {
    return this.byEvent.get(event);
  }

  /** The type of an Avro record name such as `io.dits.events.PushTag`. */
  findByRecordName(recordName: string): EventType | undefined {
    return this.byRecord.get(recordName);
  }

  /** True for a known event name, `*`, and `group.*` where at least one event name begins with `group.`. */
  isPattern(pattern: string): boolean {
    if (pattern === '*' || this.byEvent.has(pattern)) return true;
    const group = /^([a-z_]+)\.\*$/.exec(pattern)?.[1];
    return group !== undefined && this.all.some(({ event }) => event.startsWith(`${group}.`));
  }
}
