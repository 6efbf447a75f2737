import { WebhookTable } from '@dits/domain';
import { startTopicTable } from '@dits/kafka';
import { connectProducer, PoisonSink, registerCodec, type Runtime } from '@dits/runtime';
import { Module, type DynamicModule } from '@nestjs/common';
import type { RouterConfig } from './config.js';
import { learnWebhook } from './learn-webhook.js';
import { RecentEventIds } from './recent-event-ids.js';
import type { RouteDeps } from './route-event.js';
import { ROUTE_DEPS, RouteController } from './route.controller.js';

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<RouterConfig>): Promise<DynamicModule> {
    const { config, kafka, log, now, stopping, topics } = runtime;
    const codec = await registerCodec(runtime);
    const producer = await connectProducer(runtime);

    const table = new WebhookTable();
    const decode: typeof codec.decode = (value) => codec.decode(value);
    const webhooks = await runtime.waitFor('the webhooks', () =>
      startTopicTable({
        kafka,
        log,
        topic: topics.webhooks,
        groupId: `${config.topicPrefix}dits-router-webhooks`,
        apply: (record) => learnWebhook(record, { table, decode, log }),
        signal: stopping,
      }),
    );
    runtime.onClose('webhooks', () => webhooks.stop());
    runtime.health.register('webhooks', () => {
      const { joined, faultSinceMs } = webhooks.health();
      return { ok: joined && faultSinceMs === null, detail: { webhooks: table.size } };
    });

    const poison = new PoisonSink({
      stage: 'router',
      topic: topics.deadLetters,
      send: (record) => producer.send(record),
      log,
      now,
    });
    const deps: RouteDeps = {
      catchUpWebhooks: () => webhooks.catchUp(),
      match: (scope) => table.match(scope),
      decodeEvent: (value) => codec.decodeEvent(value),
      encode: (name, record) => codec.encode(name, record),
      sendAll: (records) => producer.sendAll(records),
      deadLetter: (record, error) => poison.put(record, error),
      recentEventIds: new RecentEventIds(),
      topics,
      maxEventBytes: config.maxEventBytes,
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
