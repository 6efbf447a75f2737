export { buildBody } from './build-body.js';
export { classify } from './classify.js';
export type { Classification } from './classify.js';
export { acceptedAtMsOfDeliveryId, dayOfDeliveryId, deliveryId } from './delivery-id.js';
export { matchesPattern } from './event-pattern.js';
export { nextStep } from './next-step.js';
export type { AttemptFacts, Step } from './next-step.js';
export { ownerLoginOf } from './owner-login.js';
export { DEFAULT_RETRY_TIERS, parseTiers, SCHEDULE_SPAN_MS } from './schedule.js';
export type { Tier } from './schedule.js';
export type {
  SendFailure,
  SendFailureKind,
  SendMeasures,
  SendPhase,
  SendResponse,
  SendResult,
} from './send-result.js';
export { WebhookTable } from './webhook-table.js';
export type { EventScope, WebhookTombstone } from './webhook-table.js';
export { uuidV7 } from './uuid-v7.js';
