export { accessConfig, createAuthentication } from './access-config.js';
export { startAdminServer } from './admin-server.js';
export type { AdminServer } from './admin-server.js';
export { bootHttp, bootWorker } from './boot.js';
export type { AppConfig, BootOptions, HttpOptions, WorkerOptions } from './boot.js';
export { adminPort, commonConfig, databaseUrl, port, requestTimeoutMs } from './common-config.js';
export type { CommonConfig } from './common-config.js';
export { configHelp, describeConfig, readConfig } from './config.js';
export type { ConfigField, ConfigFields, ConfigOf } from './config.js';
export { exposeDatabasePool } from './database-metrics.js';
export type { PoolUse } from './database-metrics.js';
export { destinationConfig, destinationPolicy } from './destination-config.js';
export { FaultFilter } from './fault-filter.js';
export { followWebhooks } from './follow-webhooks.js';
export type { FollowedWebhooks } from './follow-webhooks.js';
export { HealthRegistry } from './health.js';
export type { CheckResult, HealthCheck, HealthReport } from './health.js';
export {
  authenticate,
  BearerGuard,
  Public,
  RequireScope,
  Token,
  tokenOf,
  tokenReaches,
  VERIFY_TOKEN,
} from './http/bearer-guard.js';
export type { VerifiedToken, VerifyToken } from './http/bearer-guard.js';
export { Authentication } from './http/auth/authentication.js';
export type { KnowingVerifier } from './http/auth/authentication.js';
export { createHttpApp } from './http/http-app.js';
export type { HttpAppOptions } from './http/http-app.js';
export { parseJsonBody } from './http/json-body.js';
export type { JsonLimits } from './http/json-shape.js';
export { RateBuckets } from './http/limits/rate-buckets.js';
export type { BucketLevel, Rate } from './http/limits/rate-buckets.js';
export { RateLimitGuard } from './http/limits/rate-limit.guard.js';
export { rateLimitModule, rateOf, RATE_POLICY, writeRateLimit } from './http/limits/rate-limit.js';
export type { RatePolicy } from './http/limits/rate-limit.js';
export { problemBody, ProblemException } from './http/problem.js';
export type { ProblemBody, ProblemOptions } from './http/problem.js';
export { ProblemFilter } from './http/problem-filter.js';
export type { AllowedMethods } from './http/problem-filter.js';
export { traceOf } from './http/trace-requests.js';
export { SCOPES } from './http/scopes.js';
export { KafkaStrategy } from './kafka-strategy.js';
export type { ConsumerStarters, KafkaStrategyOptions, StageSettings } from './kafka-strategy.js';
export { Lifecycle } from './lifecycle.js';
export type { Exit } from './lifecycle.js';
export { loadCatalogue } from './load-catalogue.js';
export { createLogger, NestLog } from './logger.js';
export type { Logger } from './logger.js';
export { collectProcessMetrics, counter, gauge, histogram, metricsRegistry } from './metrics.js';
export type { MetricOptions } from './metrics.js';
export { PoisonSink } from './poison-sink.js';
export { connectProducer, createRuntime, registerCodec } from './runtime.js';
export type { Runtime } from './runtime.js';
export { setting } from './setting.js';
export { StageContext } from './stage-options.js';
export type { StageLimits, StageOptions } from './stage-options.js';
export { traceContextOf, traceHeaders } from './tracing/trace-context.js';
export type { TraceContext } from './tracing/trace-context.js';
export { endWith, messagingAttributes, noTracing } from './tracing/tracing.js';
export type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing/tracing.js';
export { stallConfig } from './watch-stalls.js';
export { waitFor } from './wait-for.js';
export type { WaitForOptions } from './wait-for.js';
