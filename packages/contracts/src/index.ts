export { bundleSchemas } from './bundle-schemas.js';
export type { AvroSchema, EventSchema, RecordSchema, SchemaBundle } from './bundle-schemas.js';
export { EventCatalogue } from './catalogue.js';
export type { AnyEvent, EventType } from './catalogue.js';
export {
  IdentityFault,
  ConfigError,
  DitsError,
  KafkaFault,
  PoisonRecordError,
  RegistryFault,
  StorageFault,
} from './errors.js';
export type { PoisonReason } from './errors.js';
export { bundledSchemas } from './generated/schemas.gen.js';
export type * from './generated/types.gen.js';
export { checkDecodedEvent, readEvent } from './read-event.js';
export type { EventDefaults, Problem, ReadEventResult } from './read-event.js';
export { avroType, fullName, recordSchema } from './record-types.js';
export type { RecordName, RecordsByName } from './record-types.js';
export {
  NOT_BEFORE_HEADER,
  ROUTE_AGAIN_HEADER,
  stageGroups,
  topicNames,
  WEBHOOKS_CONFIRM_AFTER_MS,
  WEBHOOKS_MARK_HEADER,
  WEBHOOKS_MAX_AGE_MS,
} from './topics.js';
export type { StageGroups, TopicNames } from './topics.js';
export { FRAME_BYTES, frame, unframe, writeFrame } from './wire-format.js';
