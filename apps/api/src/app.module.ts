import { randomBytes } from 'node:crypto';
import { EventCatalogue } from '@dits/contracts';
import {
  DeliveryQueries,
  IdempotencyStore,
  inTransaction,
  openDatabase,
  Outbox,
  TokenStore,
  TokenVerifier,
  WebhookStore,
  type Database,
} from '@dits/persistence';
import { BearerGuard, connectProducer, registerCodec, VERIFY_TOKEN, type Runtime } from '@dits/runtime';
import { generateSecret, generateToken, hashToken, SecretBox } from '@dits/signing';
import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { ApiConfig } from './config.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import { EventTypesController } from './event-types/event-types.controller.js';
import {
  IDEMPOTENCY_DEPS,
  IdempotencyInterceptor,
  type IdempotencyDeps,
} from './http/idempotency.interceptor.js';
import { LimitsGuard } from './http/limits.guard.js';
import { outboxMetrics } from './outbox/outbox-metrics.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { ensureBootstrapToken, TOKEN_DEPS, type TokenDeps } from './tokens/create-token.js';
import { TokensController } from './tokens/tokens.controller.js';
import { uuidV7 } from '@dits/domain';
import { WEBHOOK_DEPS, type WebhookDeps } from './webhooks/webhook-deps.js';
import { WEBHOOK_SCHEMAS, webhookSchemas } from './webhooks/webhook-fields.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';

const SWEEP_MS = 3_600_000;
// A broker election takes a few seconds; longer than this somebody should look.
const RELAY_FAULT_LIMIT_MS = 10_000;

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<ApiConfig>): Promise<DynamicModule> {
    const { config, log, now, catalogue, topics } = runtime;
    const database = await this.connectDatabase(runtime);
    const codec = await registerCodec(runtime);
    const relay = await this.startRelay(runtime, new Outbox(database));
    const box = new SecretBox(config.secretKeys);
    const hash = (token: string): Buffer => Buffer.from(hashToken(token, config.tokenKey), 'hex');
    const tokens = new TokenStore(database);
    const idempotency = new IdempotencyStore(database);
    const webhooks = new WebhookStore(database);
    const shared = {
      inTransaction: <T>(what: string, work: Parameters<typeof inTransaction<T>>[2]) =>
        inTransaction(database, what, work),
      newId: () => uuidV7(now(), randomBytes(10)),
      flushed: () => relay.flushed(config.activeTimeoutMs),
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
    };
    const tokenDeps: TokenDeps = { ...shared, tokens, generateToken, hash };
    if (config.bootstrapToken) await ensureBootstrapToken(tokenDeps, config.bootstrapToken);
    this.sweepIdempotencyKeys(runtime, idempotency);
    return {
      module: AppModule,
      controllers: [WebhooksController, DeliveriesController, EventTypesController, TokensController],
      providers: [
        { provide: EventCatalogue, useValue: catalogue },
        { provide: WEBHOOK_SCHEMAS, useValue: webhookSchemas(catalogue) },
        { provide: WEBHOOK_DEPS, useValue: webhookDeps },
        { provide: TOKEN_DEPS, useValue: tokenDeps },
        { provide: WebhookStore, useValue: webhooks },
        { provide: DeliveryQueries, useValue: new DeliveryQueries(database) },
        { provide: VERIFY_TOKEN, useValue: new TokenVerifier({ tokens, hash, log, now }) },
        {
          provide: IDEMPOTENCY_DEPS,
          useValue: { store: idempotency, box, flushed: shared.flushed, now } satisfies IdempotencyDeps,
        },
        { provide: APP_GUARD, useClass: BearerGuard },
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

  private static sweepIdempotencyKeys(
    { log, now, onClose }: Runtime<ApiConfig>,
    store: IdempotencyStore,
  ): void {
    const timer = setInterval(() => {
      store.deleteExpired(new Date(now())).then(
        (keys) => log.debug({ keys }, 'idempotency.swept'),
        (err: unknown) => log.warn({ err }, 'idempotency.sweep_failed'),
      );
    }, SWEEP_MS);
    onClose('idempotency sweep', () => clearInterval(timer));
  }
}
