export { openDatabase } from './database.js';
export type { Database, DatabaseLog, DatabaseOptions } from './database.js';
export { databaseBytes, poolUse } from './database-use.js';
export { migrateDatabase, readSchemaVersion } from './migrate.js';
export { SchemaBehindError, assertSchemaCurrent, schemaVersion } from './schema-version.js';
export type { SchemaVersion } from './schema-version.js';
export { AuditEntry } from './audit/entity.js';
export type { AuditChange } from './audit/entity.js';
export { AuditPartitions } from './audit/audit-partitions.js';
export { AuditStore } from './audit/audit-store.js';
export type { AuditFilter } from './audit/audit-store.js';
export { Job } from './entities/job.js';
export type { JobKind, JobState } from './entities/job.js';
export { Token } from './entities/token.js';
export { Webhook } from './entities/webhook.js';
export type { SealedHeaderJson, SealedSecretJson, SealedSigningKeyJson } from './entities/webhook.js';
export { IdempotencyStore } from './idempotency-store.js';
export type { ClaimResult, IdempotencyClaim } from './idempotency-store.js';
export { JobStore } from './job-store.js';
export type { JobProgress } from './job-store.js';
export { Outbox } from './outbox.js';
export type { OutboxRecord, OutboxSize } from './outbox.js';
export { SealedValues } from './sealed-values.js';
export type { SealedAnswer, SealedCount, SealedPlace } from './sealed-values.js';
export { inTransaction } from './storing.js';
export type { Transaction } from './storing.js';
export { TokenStore } from './token-store.js';
export { TokenUses } from './token-uses.js';
export type { TokenUsesOptions } from './token-uses.js';
export { TokenVerifier } from './token-verifier.js';
export type { TokenHash, TokenVerifierOptions, VerifiedTokenFacts } from './token-verifier.js';
export { WebhookStore } from './webhook-store.js';
export type { WebhookCounts, WebhookScope } from './webhook-store.js';
export { DeliveryQueries, isDeliveryId } from './history/delivery-queries.js';
export type {
  DeliveryDetail,
  DeliveryFilter,
  DeliveryPage,
  ResponseClass,
} from './history/delivery-queries.js';
export type { DeliveryStatus } from './history/delivery-state.js';
export { cursorOf, EventQueries } from './history/event-queries.js';
export type { EventFilter, PastEvent } from './history/event-queries.js';
export { LossAuditStore } from './history/loss-audit-store.js';
export type { OverdueCounts, OverdueDelivery, UnroutedEvent } from './history/loss-audit-store.js';
export { RedeliveryStore } from './history/redelivery-store.js';
export type { LockedDelivery } from './history/redelivery-store.js';
export { AttemptRow, DeliveryRow, EventBodyRow, EventRow } from './history/entities.js';
export { WebhookHealth } from './history/webhook-health.js';
export type { FailingWebhook, GoneWebhook } from './history/webhook-health.js';
export { HistoryPartitions } from './history/partitions.js';
export type { HistoryRetention, PartitionChanges } from './history/partitions.js';
export { HistoryProjection } from './history/history-projection.js';
export type { ApplyResult, ReadItem, Refused } from './history/history-projection.js';
export type { HistoryItem, ProjectedEvent } from './history/history-rows.js';
export type { LogEntry, LogEntryName } from './history/log-entry.js';
export { DeadLetterRow } from './dead-letters/entity.js';
export { DeadLetterStore, isDerivedId } from './dead-letters/dead-letter-store.js';
export type { DeadLetterFilter, DeadLetterSummary, NewDeadLetter } from './dead-letters/dead-letter-store.js';
