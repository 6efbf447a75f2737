import avsc from 'avsc';
import type { AvroSchema, RecordSchema } from './bundle-schemas.js';
import { bundledSchemas } from './generated/schemas.gen.js';
import type {
  Attempted,
  Cancelled,
  DeadLettered,
  Deferred,
  Delivery,
  Redelivery,
  Routed,
  WebhookSnapshot,
} from './generated/types.gen.js';
import { strictType } from './strict-types.js';

/** A record our services exchange, by the name of its schema file. */
export interface RecordsByName {
  webhook: WebhookSnapshot;
  delivery: Delivery;
  redelivery: Redelivery;
  routed: Routed;
  attempted: Attempted;
  deferred: Deferred;
  'dead-lettered': DeadLettered;
  cancelled: Cancelled;
}

export type RecordName = keyof RecordsByName;

/** The schema of a record, complete in itself. */
export function recordSchema(name: RecordName): RecordSchema {
  return bundledSchemas.records[name]!;
}

/** Full Avro name of a record schema: `io.dits.records.Routed`. */
export function fullName(schema: Pick<RecordSchema, 'namespace' | 'name'>): string {
  return `${schema.namespace}.${schema.name}`;
}

/**
 * The Avro type of a schema, ours or a writer's. Unions come unwrapped (none of ours is ambiguous); longs are exact
 * up to 2^53-1. Reading throws `PoisonRecordError`: `invalid_value` for a longer long and a text that is not UTF-8,
 * `not_avro` for a list that claims more items than its bytes can hold. Throws what avsc throws when the schema is not valid.
 */
export function avroType(schema: AvroSchema): avsc.Type {
  // avsc keeps what it is given: hand it a copy.
  return avsc.Type.forSchema(structuredClone(schema) as avsc.Schema, {
    wrapUnions: false,
    typeHook: strictType,
  });
}
