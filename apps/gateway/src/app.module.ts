import { randomBytes } from 'node:crypto';
import { RegistryFault } from '@dits/contracts';
import { BatchingProducer, createCodec } from '@dits/kafka';
import { openDatabase, poolUse, TokenStore, TokenUses, TokenVerifier } from '@dits/persistence';
import {
  BearerGuard,
  createAuthentication,
  exposeDatabasePool,
  RATE_POLICY,
  RateBuckets,
  RateLimitGuard,
  rateLimitModule,
  VERIFY_TOKEN,
  type Logger,
  type RatePolicy,
  type Runtime,
  type VerifyToken,
} from '@dits/runtime';
import { hashToken, isMistypedToken } from '@dits/signing';
import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { AcceptDeps } from './accept-event.js';
import type { GatewayConfig } from './config.js';
import { ACCEPT_DEPS, EventsController, LOG } from './events.controller.js';
import { EventCharge, ingestPolicy } from './ingest-rate.js';
import { uuidV7 } from '@dits/domain';

// As long as a request to Kafka takes, about: under load each holds twice as many events, and so has every stage behind it half the work.
const CROWD_LINGER_MS = 4;

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<GatewayConfig>): Promise<DynamicModule> {
    const { config, log, now } = runtime;
    const database = await runtime.waitFor('the database', () =>
      openDatabase({ url: config.databaseUrl, log, applicationName: 'dits-gateway', poolSize: 4 }),
    );
    runtime.onClose('database', () => database.destroy());
    exposeDatabasePool(() => poolUse(database));
    const store = new TokenStore(database);
    const uses = new TokenUses({ tokens: store, log });
    runtime.onClose('token uses', () => uses.stop());
    const tokens = new TokenVerifier({
      tokens: store,
      uses,
      hashes: (token) => hashToken(token, config.tokenKeys),
      isMistyped: isMistypedToken,
      log,
      now,
    });
    return AppModule.of({
      deps: this.connect(runtime),
      verifier: createAuthentication(config, { tokens, log, now }),
      policy: ingestPolicy(config.eventsPerSecond),
      buckets: new RateBuckets({ now }),
      log,
    });
  }

  /** The module over what it needs; tests bring their own. */
  static of({
    deps,
    verifier,
    policy,
    buckets,
    log,
  }: {
    deps: AcceptDeps;
    verifier: VerifyToken;
    policy: RatePolicy;
    buckets: RateBuckets;
    log: Logger;
  }): DynamicModule {
    return {
      module: AppModule,
      imports: [rateLimitModule(policy, buckets)],
      controllers: [EventsController],
      providers: [
        { provide: ACCEPT_DEPS, useValue: deps },
        { provide: LOG, useValue: log },
        { provide: VERIFY_TOKEN, useValue: verifier },
        { provide: RATE_POLICY, useValue: policy },
        { provide: RateBuckets, useValue: buckets },
        { provide: APP_GUARD, useClass: BearerGuard },
        { provide: APP_GUARD, useClass: RateLimitGuard },
        EventCharge,
      ],
    };
  }

  /** Connects in the background: until Kafka and the registry are there, requests get an honest 503 instead of no answer. */
  private static connect(runtime: Runtime<GatewayConfig>): AcceptDeps {
    const { config, log, kafka, catalogue, topics, tracing, now } = runtime;
    const codec = createCodec({ registryUrl: config.registryUrl, catalogue, topics, log });
    const producer = new BatchingProducer({
      kafka,
      log,
      deadlineMs: config.produceTimeoutMs,
      crowdLingerMs: CROWD_LINGER_MS,
    });
    runtime.onClose('producer', () => producer.close());
    let isConnected = false;
    Promise.all([
      runtime.waitFor(`the schema registry at ${config.registryUrl}`, () => codec.register()),
      runtime.waitFor(`kafka at ${config.kafkaBrokers.join(',')}`, () => producer.connect()),
    ]).then(
      () => {
        isConnected = true;
        runtime.health.register('producer', () => ({ ok: producer.healthy }));
      },
      (error: unknown) => runtime.fail(error),
    );
    return {
      catalogue,
      topic: topics.events,
      encodeEvent(type, event) {
        if (!isConnected) throw new RegistryFault('the schemas are not registered yet');
        return codec.encodeEvent(type, event);
      },
      sendAll: (records) => producer.sendAll(records),
      tracing,
      now,
      newEventId: (nowMs) => uuidV7(nowMs, randomBytes(10)),
    };
  }
}
