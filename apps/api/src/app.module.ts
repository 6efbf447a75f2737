import { randomBytes } from 'node:crypto';
import { EventCatalogue, WEBHOOKS_CONFIRM_AFTER_MS } from '@dits/contracts';
import {
  AuditPartitions,
  AuditStore,
  databaseBytes,
  DeadLetterStore,
  DeliveryQueries,
  EventQueries,
  IdempotencyStore,
  inTransaction,
  JobStore,
  openDatabase,
  Outbox,
  poolUse,
  RedeliveryStore,
  TokenStore,
  TokenUses,
  TokenVerifier,
  WebhookHealth,
  WebhookStore,
  type Database,
} from '@dits/persistence';
import {
  BearerGuard,
  connectProducer,
  createAuthentication,
  destinationPolicy,
  exposeDatabasePool,
  RATE_POLICY,
  RateBuckets,
  RateLimitGuard,
  rateLimitModule,
  registerCodec,
  VERIFY_TOKEN,
  type RatePolicy,
  type Runtime,
} from '@dits/runtime';
import {
  generateSecret,
  generateSigningKey,
  generateToken,
  hashToken,
  isMistypedToken,
  SecretBox,
} from '@dits/signing';
import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AuditTrail } from './audit/audit-trail.js';
import { AuditController } from './audit/audit.controller.js';
import type { ApiConfig } from './config.js';
import { DeadLettersController, deadLettersDeps } from './dead-letters/dead-letters.controller.js';
import { DEAD_LETTER_DEPS } from './dead-letters/replay-dead-letters.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import { disableFailing, disableGone, type WatchDeps } from './disabling/watch-webhooks.js';
import { EventTypesController } from './event-types/event-types.controller.js';
import {
  IDEMPOTENCY_DEPS,
  IdempotencyInterceptor,
  type IdempotencyDeps,
} from './http/idempotency.interceptor.js';
import { LimitsGuard } from './http/limits.guard.js';
import type { JobDeps } from './jobs/create-job.js';
import { JOB_DEPS, JobReader } from './jobs/job-reader.js';
import { JobRunner } from './jobs/job-runner.js';
import { confirmed } from './outbox/confirmation.js';
import { outboxMetrics } from './outbox/outbox-metrics.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { RedeliveriesController } from './redeliveries/redeliveries.controller.js';
import { REDELIVERY_DEPS, type RedeliveryDeps } from './redeliveries/redelivery-deps.js';
import { redeliveryStep } from './redeliveries/redelivery-step.js';
import { replayStep } from './replays/replay-step.js';
import { ReplaysController } from './replays/replays.controller.js';
import { repeat } from './repeat.js';
import { exposeStored } from './stored-metrics.js';
import { ensureBootstrapToken, TOKEN_DEPS, type TokenDeps } from './tokens/create-token.js';
import { TokensController } from './tokens/tokens.controller.js';
import { uuidV7 } from '@dits/domain';
import { PublicKeysController } from './webhooks/public-keys.controller.js';
import { WEBHOOK_DEPS, type WebhookDeps } from './webhooks/webhook-deps.js';
import { WEBHOOK_SCHEMAS, webhookSchemas } from './webhooks/webhook-fields.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';

const SWEEP_MS = 3_600_000;
// A receiver that says it is gone should not hear much more; the look takes a millisecond.
const GONE_MS = 1_000;
// After days of failing a minute is soon enough.
const FAILING_MS = 60_000;
// A broker election takes a few seconds; longer than this somebody should look.
const RELAY_FAULT_LIMIT_MS = 10_000;

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<ApiConfig>): Promise<DynamicModule> {
    const { config, log, now, catalogue, topics, tracing } = runtime;
    const database = await this.connectDatabase(runtime);
    const codec = await registerCodec(runtime);
    const relay = await this.startRelay(runtime, new Outbox(database));
    const box = new SecretBox(config.secretKeys);
    const hashes: TokenDeps['hashes'] = (token) => hashToken(token, config.tokenKeys);
    const tokens = new TokenStore(database);
    const uses = new TokenUses({ tokens, log });
    runtime.onClose('token uses', () => uses.stop());
    const verifier = createAuthentication(config, {
      tokens: new TokenVerifier({ tokens, uses, hashes, isMistyped: isMistypedToken, log, now }),
      log,
      now,
    });
    const policy: RatePolicy = {
      name: 'api',
      perSecond: ({ requestsPerSecond }) => requestsPerSecond ?? config.requestsPerSecond,
    };
    const idempotency = new IdempotencyStore(database);
    const webhooks = new WebhookStore(database);
    exposeStored({ countWebhooks: () => webhooks.count(), databaseBytes: () => databaseBytes(database) });
    await this.makeAuditPartitions(runtime, database);
    const entries = new AuditStore(database);
    const newId = () => uuidV7(now(), randomBytes(10));
    const flushed = (): Promise<boolean> => relay.flushed(config.activeTimeoutMs);
    const shared = {
      inTransaction: <T>(what: string, work: Parameters<typeof inTransaction<T>>[2]) =>
        inTransaction(database, what, work),
      newId,
      audit: new AuditTrail({ entries, newId }),
      flushed,
      confirmed: () => confirmed(flushed, WEBHOOKS_CONFIRM_AFTER_MS),
      kick: () => relay.kick(),
      now,
      log,
    };
    const webhookDeps: WebhookDeps = {
      ...shared,
      webhooks,
      outbox: new Outbox(database),
      codec,
      topics,
      box,
      generateSecret,
      generateSigningKey,
    };
    this.watchWebhooks(runtime, {
      ...webhookDeps,
      health: new WebhookHealth(database),
      disableAfterDays: config.disableAfterDays,
    });
    const redeliveryDeps = {
      ...shared,
      webhooks,
      redeliveries: new RedeliveryStore(database),
      outbox: new Outbox(database),
      codec,
      topics,
      tracing,
    } satisfies RedeliveryDeps;
    const events = new EventQueries(database);
    const jobs = new JobStore(database);
    const runner = new JobRunner({
      ...shared,
      jobs,
      steps: {
        redelivery: redeliveryStep(redeliveryDeps),
        replay: replayStep({ ...redeliveryDeps, events, catalogue }),
      },
    });
    runtime.onClose('jobs', () => runner.stop());
    runner.start();
    const jobDeps: JobDeps = {
      ...shared,
      jobs,
      kickJobs: () => runner.kick(),
      confirmAbove: config.confirmAbove,
    };
    const deadLetterDeps = {
      ...shared,
      letters: new DeadLetterStore(database),
      outbox: new Outbox(database),
      topics,
    };
    const tokenDeps: TokenDeps = { ...shared, tokens, generateToken, hashes };
    if (config.bootstrapToken) await ensureBootstrapToken(tokenDeps, config.bootstrapToken);
    this.sweepIdempotencyKeys(runtime, idempotency);
    return {
      module: AppModule,
      imports: [rateLimitModule(policy, new RateBuckets({ now }))],
      controllers: [
        WebhooksController,
        PublicKeysController,
        DeliveriesController,
        RedeliveriesController,
        ReplaysController,
        DeadLettersController,
        EventTypesController,
        TokensController,
        AuditController,
      ],
      providers: [
        { provide: EventCatalogue, useValue: catalogue },
        { provide: WEBHOOK_SCHEMAS, useValue: webhookSchemas(catalogue, destinationPolicy(config)) },
        { provide: WEBHOOK_DEPS, useValue: webhookDeps },
        { provide: REDELIVERY_DEPS, useValue: redeliveryDeps },
        { provide: EventQueries, useValue: events },
        { provide: JOB_DEPS, useValue: jobDeps },
        { provide: JobReader, useValue: new JobReader({ ...shared, jobs, webhooks }) },
        { provide: DEAD_LETTER_DEPS, useValue: deadLettersDeps(deadLetterDeps, codec) },
        { provide: AuditStore, useValue: entries },
        { provide: TOKEN_DEPS, useValue: tokenDeps },
        { provide: WebhookStore, useValue: webhooks },
        { provide: DeliveryQueries, useValue: new DeliveryQueries(database) },
        { provide: VERIFY_TOKEN, useValue: verifier },
        { provide: RATE_POLICY, useValue: policy },
        {
          provide: IDEMPOTENCY_DEPS,
          useValue: { store: idempotency, box, confirmed: shared.confirmed, now } satisfies IdempotencyDeps,
        },
        { provide: APP_GUARD, useClass: BearerGuard },
        { provide: APP_GUARD, useClass: RateLimitGuard },
        { provide: APP_GUARD, useClass: LimitsGuard },
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
      ],
    };
  }

  private static async connectDatabase(runtime: Runtime<ApiConfig>): Promise<Database> {
    const { config, log } = runtime;
    const database = await runtime.waitFor('the database', () =>
      openDatabase({ url: config.databaseUrl, log, applicationName: 'dits-api' }),
    );
    runtime.onClose('database', () => database.destroy());
    exposeDatabasePool(() => poolUse(database));
    runtime.health.register('database', async () => {
      await database.query('SELECT 1');
      return { ok: true };
    });
    return database;
  }

  private static async startRelay(runtime: Runtime<ApiConfig>, outbox: Outbox): Promise<OutboxRelay> {
    const { log, now } = runtime;
    const producer = await connectProducer(runtime);
    const relay = new OutboxRelay({
      outbox,
      publish: (records) => producer.sendAll(records),
      log,
      now,
      ...outboxMetrics(outbox),
    });
    runtime.onClose('outbox relay', () => relay.stop());
    runtime.health.register('outbox relay', () => {
      const sinceMs = relay.faultSinceMs;
      return sinceMs === null
        ? { ok: true }
        : { ok: now() - sinceMs < RELAY_FAULT_LIMIT_MS, detail: { fault_since_ms: sinceMs } };
    });
    relay.start();
    return relay;
  }

  /** Switches off webhooks that are gone or fail for long. */
  private static watchWebhooks({ log, onClose }: Runtime<ApiConfig>, deps: WatchDeps): void {
    const onFault = (err: unknown): void => log.warn({ err }, 'webhook.not_watched');
    const gone = repeat({ run: () => disableGone(deps), everyMs: GONE_MS, onFault });
    const failing = repeat({ run: () => disableFailing(deps), everyMs: FAILING_MS, onFault });
    onClose('webhook watch', () => Promise.all([gone.stop(), failing.stop()]));
  }

  /** The recorder makes them as well, and drops them; but nothing could be changed here without one. */
  private static async makeAuditPartitions(runtime: Runtime<ApiConfig>, database: Database): Promise<void> {
    const { log, now, onClose, waitFor } = runtime;
    const partitions = new AuditPartitions({ database, now });
    await waitFor('the audit trail', () => partitions.makeAhead());
    const again = repeat({
      run: () => partitions.makeAhead(),
      everyMs: SWEEP_MS,
      onFault: (err) => log.warn({ err }, 'audit.partitions_not_made'),
    });
    onClose('audit partitions', () => again.stop());
  }

  private static sweepIdempotencyKeys(
    { log, now, onClose }: Runtime<ApiConfig>,
    store: IdempotencyStore,
  ): void {
    const sweep = repeat({
      run: async () => log.debug({ keys: await store.deleteExpired(new Date(now())) }, 'idempotency.swept'),
      everyMs: SWEEP_MS,
      onFault: (err) => log.warn({ err }, 'idempotency.sweep_failed'),
    });
    onClose('idempotency sweep', () => sweep.stop());
  }
}
