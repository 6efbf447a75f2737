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

/**
 * The event types a process knows. Made once at start from a {@link SchemaBundle}; nothing else lists them.
 *
 * Throws an `Error` that names the file when events of a type could not be routed, or not be said in JSON.
 */
export class EventCatalogue {
  /** What producers send. */
  readonly all: readonly EventType[];
  /** What the service itself tells webhooks that name it. */
  readonly internal: readonly EventSchema[];
  private readonly byEvent: Map<string, EventType>;
  private readonly byRecord: Map<string, EventType>;

  constructor({
    events,
    internal = [],
  }: Pick<SchemaBundle, 'events'> & Partial<Pick<SchemaBundle, 'internal'>>) {
    this.internal = internal;
    this.all = events.map((event) => {
      const type = avroType(event.schema) as avsc.types.RecordType;
      for (const problem of problemsOf(type))
        throw new Error(`schemas/events/${event.event}.avsc: ${problem}`);
      return { ...event, recordName: fullName(event.schema), type };
    });
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

  /**
   * True for a known event name, `*`, and `group.*` where at least one event name begins with `group.`. An internal
   * event is named in full.
   */
  isPattern(pattern: string): boolean {
    if (pattern === '*' || this.byEvent.has(pattern)) return true;
    if (this.internal.some(({ event }) => event === pattern)) return true;
    const group = /^([a-z_]+)\.\*$/.exec(pattern)?.[1];
    return group !== undefined && this.all.some(({ event }) => event.startsWith(`${group}.`));
  }
}

/** What every event has, with the type of each: routing, the body and the history need them. */
const COMMON_FIELDS: [name: string, type: string][] = [
  ['repository', 'io.dits.types.Repository'],
  ['sender', 'io.dits.types.User'],
  ['event_id', 'string'],
  ['occurred_at', 'string'],
];
const IN_JSON = new Set([
  ...['null', 'boolean', 'int', 'abstract:long', 'string', 'enum', 'array', 'record'],
  'union:unwrapped',
]);

function* problemsOf(event: avsc.types.RecordType): Generator<string> {
  for (const [name, wanted] of COMMON_FIELDS) {
    const type = event.fields.find((field) => field.name === name)?.type;
    if ((type?.name ?? type?.typeName) !== wanted)
      yield `every event has the field "${name}", of the type ${wanted}`;
  }
  if (event.fields.some(({ name }) => name === 'event')) yield 'the field "event" is the name of the event';
  yield* typesNotInJson(event, '', new Set());
}

function* typesNotInJson(type: avsc.Type, path: string, seen: Set<avsc.Type>): Generator<string> {
  if (seen.has(type)) return;
  seen.add(type);
  if (!IN_JSON.has(type.typeName)) yield `${path}: an event can't have the Avro type ${type.typeName}`;
  const {
    types = [],
    itemsType,
    fields = [],
  } = type as Partial<avsc.types.UnwrappedUnionType> &
    Partial<avsc.types.ArrayType> &
    Partial<avsc.types.RecordType>;
  for (const branch of types) yield* typesNotInJson(branch, path, seen);
  if (itemsType) yield* typesNotInJson(itemsType, `${path}[]`, seen);
  for (const field of fields) {
    yield* typesNotInJson(field.type, path === '' ? field.name : `${path}.${field.name}`, seen);
  }
}
