import { readFileSync } from 'node:fs';
import { WebhookTable } from '@dits/domain';
import { HttpSender } from '@dits/http-delivery';
import { startTopicTable, type Codec } from '@dits/kafka';
import { connectProducer, PoisonSink, registerCodec, type Runtime } from '@dits/runtime';
import { SecretBox } from '@dits/signing';
import { Module, type DynamicModule } from '@nestjs/common';
import type { AttemptDeps } from './attempt-delivery.js';
import { ATTEMPT_DEPS, AttemptController } from './attempt.controller.js';
import type { DispatcherConfig } from './config.js';
import { DeliveryGate } from './delivery-gate.js';
import { learnWebhook } from './learn-webhook.js';
import { createMetrics } from './metrics.js';
import { OpenedSecrets } from './opened-secrets.js';

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<DispatcherConfig>): Promise<DynamicModule> {
    const { config, log, now, topics } = runtime;
    const codec = await registerCodec(runtime);
    const producer = await connectProducer(runtime);
    const webhooks = await followWebhooks(runtime, codec);
    const sender = new HttpSender();
    runtime.onClose('http sender', () => sender.close());
    const secrets = new OpenedSecrets(new SecretBox(config.secretKeys));
    const gate = new DeliveryGate({ maxInFlight: config.maxInFlight });

    const deps: AttemptDeps = {
      codec,
      webhooks,
      secretsOf: (webhook, nowMs) => secrets.of(webhook, nowMs),
      gate,
      send: (request) => sender.send(request),
      sendAll: (records) => producer.sendAll(records),
      poison: new PoisonSink({
        stage: 'dispatcher',
        topic: topics.deadLetters,
        send: (record) => producer.send(record),
        log,
        now,
      }),
      topics,
      tiers: config.retryTiers,
      timeoutMs: config.attemptTimeoutMs,
      userAgent: `Dits-Webhooks/${version()}`,
      metrics: createMetrics(gate),
      log,
      now,
      random: Math.random,
    };
    return {
      module: AppModule,
      controllers: [AttemptController],
      providers: [{ provide: ATTEMPT_DEPS, useValue: deps }],
    };
  }
}

/** All webhooks in memory: from the start of their topic, then as they change. */
async function followWebhooks(
  runtime: Runtime<DispatcherConfig>,
  codec: Codec,
): Promise<AttemptDeps['webhooks']> {
  const { kafka, log, topics, config, stopping } = runtime;
  const table = new WebhookTable();
  const decode: typeof codec.decode = (value) => codec.decode(value);
  const topic = await runtime.waitFor('the webhooks', () =>
    startTopicTable({
      kafka,
      log,
      topic: topics.webhooks,
      groupId: `${config.topicPrefix}dits-dispatcher-webhooks`,
      apply: (record) => learnWebhook(record, { table, decode, log }),
      signal: stopping,
    }),
  );
  runtime.onClose('webhooks', () => topic.stop());
  runtime.health.register('webhooks', () => {
    const { joined, faultSinceMs } = topic.health();
    return { ok: joined && faultSinceMs === null, detail: { webhooks: table.size } };
  });
  return { find: (webhookId) => table.get(webhookId), catchUp: () => topic.catchUp() };
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
