import { randomBytes } from 'node:crypto';
import { RegistryFault } from '@dits/contracts';
import { BatchingProducer, createCodec } from '@dits/kafka';
import { openDatabase, TokenStore, TokenVerifier } from '@dits/persistence';
import { BearerGuard, VERIFY_TOKEN, type Logger, type Runtime, type VerifyToken } from '@dits/runtime';
import { hashToken } from '@dits/signing';
import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { AcceptDeps } from './accept-event.js';
import type { GatewayConfig } from './config.js';
import { ACCEPT_DEPS, EventsController, LOG } from './events.controller.js';
import { uuidV7 } from '@dits/domain';

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<GatewayConfig>): Promise<DynamicModule> {
    const { config, log, now } = runtime;
    const database = await runtime.waitFor('the database', () =>
      openDatabase({ url: config.databaseUrl, log, applicationName: 'dits-gateway', poolSize: 4 }),
    );
    runtime.onClose('database', () => database.destroy());
    const verifier = new TokenVerifier({
      tokens: new TokenStore(database),
      hash: (token) => Buffer.from(hashToken(token, config.tokenKey), 'hex'),
      log,
      now,
    });
    return AppModule.of({ deps: this.connect(runtime), verifier, log });
  }

  /** The module over what it needs; tests bring their own. */
  static of({
    deps,
    verifier,
    log,
  }: {
    deps: AcceptDeps;
    verifier: VerifyToken;
    log: Logger;
  }): DynamicModule {
    return {
      module: AppModule,
      controllers: [EventsController],
      providers: [
        { provide: ACCEPT_DEPS, useValue: deps },
        { provide: LOG, useValue: log },
        { provide: VERIFY_TOKEN, useValue: verifier },
        { provide: APP_GUARD, useClass: BearerGuard },
      ],
    };
  }

  /** Connects in the background: until Kafka and the registry are there, requests get an honest 503 instead of no answer. */
  private static connect(runtime: Runtime<GatewayConfig>): AcceptDeps {
    const { config, log, kafka, catalogue, topics, now } = runtime;
    const codec = createCodec({ registryUrl: config.registryUrl, catalogue, topics, log });
    const producer = new BatchingProducer({ kafka, log, deadlineMs: config.produceTimeoutMs });
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
      now,
      newEventId: (nowMs) => uuidV7(nowMs, randomBytes(10)),
    };
  }
}
