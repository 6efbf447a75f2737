import { readFileSync } from 'node:fs';
import { KnownWebhooks, type GateOptions } from '@dits/domain';
import { HttpSender, resolveBy } from '@dits/http-delivery';
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
import { LoopClock } from './loop-clock.js';
import { RecentRecords } from './recent-records.js';
import { createMetrics } from './metrics.js';
import { OpenedSecrets } from './opened-secrets.js';

const LINGER_MS = 20;

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<DispatcherConfig>): Promise<DynamicModule> {
    const { config, log, now, topics, tracing } = runtime;
    const codec = await registerCodec(runtime);
    // Nobody waits for what it writes: the receiver has its request, and its place at the gate is free again.
    const producer = await connectProducer(runtime, { lingerMs: LINGER_MS });
    const table = new KnownWebhooks();
    const [{ catchUp, catchUpTo }, redeliveries] = await Promise.all([
      followWebhooks(runtime, codec, table),
      followRedeliveries(runtime, codec),
    ]);
    const sender = new HttpSender({
      destinations: destinationPolicy(config),
      egressProxy: config.egressProxy,
      ...(config.dnsServers.length > 0 && { resolve: resolveBy(config.dnsServers) }),
    });
    runtime.onClose('http sender', () => sender.close());
    runtime.health.register('egress proxy', () => {
      const faultMs = sender.egressFaultMs;
      return faultMs === null ? { ok: true } : { ok: false, detail: { fault_ms: Math.round(faultMs) } };
    });
    const secrets = new OpenedSecrets(new SecretBox(config.secretKeys));
    const clock = new LoopClock(() => performance.now());
    runtime.onClose('gate clock', () => clock.stop());
    const gate = new DeliveryGate({ ...gateOptions(config), now: () => clock.now() });

    const deps: AttemptDeps = {
      codec,
      webhooks: { find: (webhookId) => table.get(webhookId), catchUp, catchUpTo },
      redeliveries,
      secretsOf: (webhook, nowMs) => secrets.of(webhook, nowMs),
      headersOf: (webhook) => secrets.headersOf(webhook),
      gate,
      recent: new RecentRecords(),
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
      tracing,
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

/** The circuit and the queues of a rate limit go by the first tier: what is put off comes back no sooner. */
function gateOptions({ maxInFlight, maxWaitMs, circuitFailures, retryTiers }: DispatcherConfig): GateOptions {
  const firstTierMs = retryTiers[0]!.delayMs;
  return {
    maxInFlight,
    maxWaitMs,
    maxRateWaitMs: Math.max(maxWaitMs, firstTierMs),
    // With tiers from 15 s: open for 15 s, then 30 s, to 4 minutes.
    circuit: { failuresToOpen: circuitFailures, openMs: firstTierMs, maxOpenMs: firstTierMs * 16 },
  };
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
