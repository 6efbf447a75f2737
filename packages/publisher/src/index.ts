export { createPublisher } from './create-publisher.js';
export type { PublisherOptions } from './create-publisher.js';
export { InvalidEventError, PublishError } from './errors.js';
export type { PublishErrorReason } from './errors.js';
export type { EventFields, EventInput } from './event-input.js';
export type { EventFunctions, Publisher, PublisherBase, PublisherHealth } from './publisher.js';
export type { EventName, Problem } from '@dits/contracts';
