import {
  PoisonRecordError,
  RegistryFault,
  avroType,
  checkDecodedEvent,
  fullName,
  recordSchema,
  unframe,
  type AnyEvent,
  type EventCatalogue,
  type EventType,
  type RecordName,
  type RecordSchema,
  type RecordsByName,
  type TopicNames,
} from '@dits/contracts';
import type avsc from 'avsc';
import { errorText } from '../error-text.js';
import type { Log } from '../log.js';
import { decodeAvro, type Reader } from './decode-avro.js';
import { encodeFramed } from './encode-avro.js';
import { forEachAtMost } from './for-each-at-most.js';
import { Registry } from './registry.js';
import { SchemaLookup } from './schema-lookup.js';

/** A decoded record of ours, told apart by `name`. */
export type DecodedRecord = { [N in RecordName]: { name: N; record: RecordsByName[N] } }[RecordName];

/** A decoded event with its type. */
export interface DecodedEvent {
  type: EventType;
  event: AnyEvent;
}

/** Options of {@link createCodec}. */
export interface CodecOptions {
  /** Root of the Confluent-compatible API. */
  registryUrl: string;
  catalogue: EventCatalogue;
  topics: TopicNames;
  log: Log;
  /** Deadline of one question to the registry. Default 5000. */
  timeoutMs?: number;
  /** How long an id the registry does not know is taken as unknown. Default 30,000. */
  negativeTtlMs?: number;
  /** Clock, for tests. Default `Date.now`. */
  now?: () => number;
}

/** Record values as Avro in the Confluent wire format. */
export interface Codec {
  /**
   * Registers every schema of this build, under TopicRecordName subjects that take only FULL_TRANSITIVE changes.
   * Idempotent. Throws {@link RegistryFault}; the caller tries again. After it, records of this build's schemas are
   * written and read without the registry. `'events'` leaves out the records our services exchange: a producer of
   * events has nothing to say about them.
   */
  register(which?: 'all' | 'events'): Promise<void>;
  /** Throws {@link RegistryFault} before `register()`, `PoisonRecordError` `invalid_value` when it does not fit its schema. */
  encodeEvent(type: EventType, event: object): Buffer;
  /**
   * Reads an event with its writer's schema, as this build's schema has it, and checks what Avro cannot
   * (`checkDecodedEvent`). Absent optional fields are null. Throws `PoisonRecordError`, or {@link RegistryFault} when a
   * schema must be asked for and the registry does not answer.
   */
  decodeEvent(value: Buffer | null): Promise<DecodedEvent>;
  /** As `encodeEvent`. */
  encode<N extends RecordName>(name: N, record: RecordsByName[N]): Buffer;
  /** As `decodeEvent`, for the records our services exchange. */
  decode(value: Buffer | null): Promise<DecodedRecord>;
}

/** What a schema id stands for. */
type Known =
  | ({ kind: 'event'; type: EventType } & Reader)
  | ({ kind: 'record'; name: RecordName } & Reader)
  | { kind: 'other'; what: string };

interface OwnRecord {
  name: RecordName;
  schema: RecordSchema;
  type: avsc.Type;
  topic: string;
}

/** Makes a {@link Codec}. Does no I/O. */
export function createCodec(options: CodecOptions): Codec {
  const { catalogue, topics, log } = options;
  const registry = new Registry({ url: options.registryUrl, timeoutMs: options.timeoutMs ?? 5000 });
  const lookup = new SchemaLookup({
    registry,
    log,
    negativeTtlMs: options.negativeTtlMs ?? 30_000,
    now: options.now ?? Date.now,
  });
  const own = ownRecords(topics);
  const ids = new Map<EventType | RecordName, number>();
  const known = new Map<number, Known>();

  const find = async (schemaId: number): Promise<Known> => {
    const found = await lookup.find(schemaId);
    if (found.kind === 'unknown') {
      throw new PoisonRecordError('unknown_schema', `the registry has no schema ${schemaId}`);
    }
    if (found.kind === 'unreadable') return { kind: 'other', what: `schema ${schemaId} ${found.why}` };
    const entry = knownFrom(found.schema, { catalogue, own });
    known.set(schemaId, entry);
    return entry;
  };
  const idOf = (key: EventType | RecordName): number => {
    const id = ids.get(key);
    if (id === undefined) throw new RegistryFault('the schemas are not registered yet');
    return id;
  };

  return {
    async register(which = 'all') {
      const events = catalogue.all.map((type) => ({
        subject: `${topics.events}-${type.recordName}`,
        schema: type.schema,
        learn: (id: number) => {
          ids.set(type, id);
          known.set(id, { kind: 'event', type, reader: type.type });
        },
      }));
      const records = own.map(({ name, schema, type, topic }) => ({
        subject: `${topic}-${fullName(schema)}`,
        schema,
        learn: (id: number) => {
          ids.set(name, id);
          known.set(id, { kind: 'record', name, reader: type });
        },
      }));
      const wanted = which === 'all' ? [...events, ...records] : events;
      await forEachAtMost(6, wanted, async ({ subject, schema, learn }) =>
        learn(await registry.register(subject, schema)),
      );
      log.debug({ schemas: known.size }, 'registry.registered');
    },
    encodeEvent: (type, event) => encodeFramed(type.type, idOf(type), event),
    async decodeEvent(value) {
      const { schemaId, avro } = unframe(value);
      const schema = known.get(schemaId) ?? (await find(schemaId));
      if (schema.kind !== 'event') throw wrongType(schema, 'an event of the catalogue');
      const event = decodeAvro(avro, schema) as AnyEvent;
      const [problem] = checkDecodedEvent(event, schema.type.type);
      if (problem) throw new PoisonRecordError('invalid_value', `${problem.path} ${problem.message}`);
      return { type: schema.type, event };
    },
    encode(name, record) {
      const type = own.find((o) => o.name === name)!.type;
      return encodeFramed(type, idOf(name), record);
    },
    async decode(value) {
      const { schemaId, avro } = unframe(value);
      const schema = known.get(schemaId) ?? (await find(schemaId));
      if (schema.kind !== 'record') throw wrongType(schema, 'a record of ours');
      return { name: schema.name, record: decodeAvro(avro, schema) } as DecodedRecord;
    },
  };
}

function ownRecords(topics: TopicNames): OwnRecord[] {
  const topicOf: Record<RecordName, string> = {
    webhook: topics.webhooks,
    delivery: topics.deliveries,
    redelivery: topics.redeliveries,
    routed: topics.deliveryLog,
    attempted: topics.deliveryLog,
    deferred: topics.deliveryLog,
    'dead-lettered': topics.deliveryLog,
    cancelled: topics.deliveryLog,
  };
  return (Object.keys(topicOf) as RecordName[]).map((name) => {
    const schema = recordSchema(name);
    return { name, schema, type: avroType(schema), topic: topicOf[name] };
  });
}

/** Finds our schema of the same name and how to read the writer's as ours. */
function knownFrom(
  schema: object,
  { catalogue, own }: { catalogue: EventCatalogue; own: OwnRecord[] },
): Known {
  let writer: avsc.Type;
  try {
    writer = avroType(schema as RecordSchema);
  } catch (error) {
    return { kind: 'other', what: `a schema that is not Avro (${errorText(error)})` };
  }
  const name = writer.name ?? writer.typeName;
  const type = catalogue.findByRecordName(name);
  const record = own.find((o) => fullName(o.schema) === name);
  const reader = type?.type ?? record?.type;
  if (!reader) return { kind: 'other', what: name };
  try {
    const resolver = reader.createResolver(writer);
    if (type) return { kind: 'event', type, reader, resolver };
    return { kind: 'record', name: record!.name, reader, resolver };
  } catch (error) {
    return { kind: 'other', what: `a ${name} that ours cannot be made from (${errorText(error)})` };
  }
}

function wrongType(schema: Known, wanted: string): PoisonRecordError {
  const what =
    schema.kind === 'other'
      ? schema.what
      : schema.kind === 'event'
        ? `the event ${schema.type.event}`
        : schema.name;
  return new PoisonRecordError('wrong_type', `expected ${wanted}, got ${what}`);
}
