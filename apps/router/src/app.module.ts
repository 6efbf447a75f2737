import { WEBHOOKS_MAX_AGE_MS } from '@dits/contracts';
import { WebhookTable } from '@dits/domain';
import { connectProducer, followWebhooks, PoisonSink, registerCodec, type Runtime } from '@dits/runtime';
import { Module, type DynamicModule } from '@nestjs/common';
import type { RouterConfig } from './config.js';
import { RecentEventIds } from './recent-event-ids.js';
import type { RouteDeps } from './route-event.js';
import { ROUTE_DEPS, RouteController } from './route.controller.js';

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<RouterConfig>): Promise<DynamicModule> {
    const { config, log, now, topics, tracing } = runtime;
    const codec = await registerCodec(runtime);
    const producer = await connectProducer(runtime);

    const table = new WebhookTable();
    const { catchUp } = await followWebhooks(runtime, codec, table);
    const poison = new PoisonSink({
      stage: 'router',
      topic: topics.deadLetters,
      send: (record) => producer.send(record),
      log,
      now,
    });
    const deps: RouteDeps = {
      catchUpWebhooks: () => catchUp(WEBHOOKS_MAX_AGE_MS),
      match: (scope) => table.match(scope),
      decodeEvent: (value) => codec.decodeEvent(value),
      encode: (name, record) => codec.encode(name, record),
      sendAll: (records) => producer.sendAll(records),
      deadLetter: (record, error) => poison.put(record, error),
      recentEventIds: new RecentEventIds(),
      topics,
      maxEventBytes: config.maxEventBytes,
      tracing,
      log,
      now,
    };
    return {
      module: AppModule,
      controllers: [RouteController],
      providers: [{ provide: ROUTE_DEPS, useValue: deps }],
    };
  }
}
