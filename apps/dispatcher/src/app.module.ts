import { readFileSync } from 'node:fs';
import { HttpSender } from '@dits/http-delivery';
import {
  connectProducer,
  destinationPolicy,
  followWebhooks,
  PoisonSink,
  registerCodec,
  type Runtime,
} from '@dits/runtime';
import { SecretBox } from '@dits/signing';
import { Module, type DynamicModule } from '@nestjs/common';
import type { AttemptDeps } from './attempt-delivery.js';
import { ATTEMPT_DEPS, AttemptController } from './attempt.controller.js';
import type { DispatcherConfig } from './config.js';
import { DeliveryGate } from './delivery-gate.js';
import { followRedeliveries } from './follow-redeliveries.js';
import { createMetrics } from './metrics.js';
import { OpenedSecrets } from './opened-secrets.js';

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<DispatcherConfig>): Promise<DynamicModule> {
    const { config, log, now, topics } = runtime;
    const codec = await registerCodec(runtime);
    const producer = await connectProducer(runtime);
    const [{ table, catchUp }, redeliveries] = await Promise.all([
      followWebhooks(runtime, codec),
      followRedeliveries(runtime, codec),
    ]);
    const sender = new HttpSender({
      destinations: destinationPolicy(config),
      egressProxy: config.egressProxy,
    });
    runtime.onClose('http sender', () => sender.close());
    runtime.health.register('egress proxy', () => {
      const faultMs = sender.egressFaultMs;
      return faultMs === null ? { ok: true } : { ok: false, detail: { fault_ms: Math.round(faultMs) } };
    });
    const secrets = new OpenedSecrets(new SecretBox(config.secretKeys));
    const gate = new DeliveryGate({ maxInFlight: config.maxInFlight });

    const deps: AttemptDeps = {
      codec,
      webhooks: { find: (webhookId) => table.get(webhookId), catchUp },
      redeliveries,
      secretsOf: (webhook, nowMs) => secrets.of(webhook, nowMs),
      headersOf: (webhook) => secrets.headersOf(webhook),
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

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
