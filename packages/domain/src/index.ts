export { buildBody } from './build-body.js';
export { classify } from './classify.js';
export type { Classification } from './classify.js';
export { acceptedAtMsOfDeliveryId, dayOfDeliveryId, deadLetterId, deliveryId } from './delivery-id.js';
export { refuseAddress, refuseText, refuseUrl } from './destination.js';
export type { DestinationRule, Refusal } from './destination.js';
export {
  DEFAULT_PORTS,
  parseAllowedDestinations,
  parsePorts,
  PUBLIC_DESTINATIONS,
} from './destination-policy.js';
export type { AllowedDestinations, DestinationPolicy } from './destination-policy.js';
export type { CircuitOptions, CircuitState } from './circuit-breaker.js';
export { deferralStep } from './deferral-step.js';
export type { DeferralStep } from './deferral-step.js';
export { EndpointGate } from './endpoint-gate.js';
export type { GateOptions, GateRequest } from './endpoint-gate.js';
export type { Deferral, GateLimits, GateWaiter, Pass } from './endpoint-lane.js';
export { matchesPattern } from './event-pattern.js';
export { nextStep } from './next-step.js';
export type { AttemptFacts, Step } from './next-step.js';
export { ownerLoginOf, ownerLoginsOf } from './owner-login.js';
export { DEFAULT_RETRY_TIERS, maxJitterMs, parseTiers, SCHEDULE_SPAN_MS } from './schedule.js';
export type { Tier } from './schedule.js';
export type {
  SendFailure,
  SendFailureKind,
  SendMeasures,
  SendPhase,
  SendRefusal,
  SendResponse,
  SendResult,
} from './send-result.js';
export { KnownWebhooks, WebhookTable } from './webhook-table.js';
export type { EventScope, WebhookTombstone } from './webhook-table.js';
export { uuidV7 } from './uuid-v7.js';
