import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import {
  bundledSchemas,
  EventCatalogue,
  topicNames,
  type Delivery,
  type WebhookSnapshot,
} from '@dits/contracts';
import { DEFAULT_PORTS, parseAllowedDestinations, parsePorts, parseTiers } from '@dits/domain';
import {
  applyTopics,
  BatchingProducer,
  createCodec,
  createKafka,
  startBatchConsumer,
  type Codec,
  type DecodedRecord,
  type IncomingRecord,
  type RunningConsumer,
} from '@dits/kafka';
import {
  createLogger,
  createRuntime,
  FaultFilter,
  KafkaStrategy,
  Lifecycle,
  NestLog,
  type HealthRegistry,
} from '@dits/runtime';
import { generateSecret, SecretBox, verifyHubSignature, verifyStandard } from '@dits/signing';
import {
  aDelivery,
  aWebhook,
  type Receiver,
  services,
  startReceiver,
  uniquePrefix,
  until,
} from '@dits/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { AppModule } from './app.module.js';
import type { DispatcherConfig } from './config.js';
import { stages } from './stages.js';

// Others may keep the machine busy.
jest.setTimeout(60_000);

const prefix = uniquePrefix();
const topics = topicNames(prefix);
const log = createLogger({ name: 'dispatcher-test', level: 'error' });
const secretKeys = [{ id: 'k1', key: randomBytes(32) }];
const box = new SecretBox(secretKeys);

describe('the dispatcher', () => {
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'dispatcher-test', log });
  const receivers: Receiver[] = [];
  const written: (IncomingRecord & { decoded: DecodedRecord | null })[] = [];
  let codec: Codec;
  let producer: BatchingProducer;
  let reader: RunningConsumer;
  let stop: () => Promise<void>;
  let health: HealthRegistry;

  beforeAll(async () => {
    await applyTopics({ kafka, prefix, replication: 1 });
    const catalogue = new EventCatalogue(bundledSchemas);
    codec = createCodec({ registryUrl: services().registry, catalogue, topics, log });
    await codec.register();
    producer = new BatchingProducer({ kafka, log });
    await producer.connect();
    reader = await startBatchConsumer({
      kafka,
      log,
      groupId: `${prefix}reader`,
      topics: [topics.deliveryLog, topics.deadLetters, topics.retry('15s')],
      handle: async (records) => {
        for (const record of records) {
          written.push({ ...record, decoded: await codec.decode(record.value).catch(() => null) });
        }
      },
    });
    stop = await startDispatcher();
  });
  afterEach(async () => {
    for (const receiver of receivers.splice(0)) await receiver.close();
  });
  afterAll(async () => {
    await stop?.();
    await reader?.stop();
    await producer?.close();
  });

  /** The dispatcher in this process, wired as its main does; returns how to stop it. */
  async function startDispatcher(change: Partial<DispatcherConfig> = {}): Promise<() => Promise<void>> {
    const config: DispatcherConfig = {
      kafkaBrokers: [services().kafka],
      registryUrl: services().registry,
      topicPrefix: prefix,
      logLevel: 'error',
      schemasDir: undefined,
      host: '127.0.0.1',
      startTimeoutMs: 30_000,
      adminPort: 0,
      stallLimitMs: 120_000,
      stallRestartMs: 0,
      secretKeys,
      allowedDestinations: parseAllowedDestinations('127.0.0.0/8'),
      allowedPorts: parsePorts(DEFAULT_PORTS),
      httpsOnly: false,
      egressProxy: undefined,
      dnsServers: [],
      retryTiers: parseTiers('15s,1m'),
      attemptTimeoutMs: 5_000,
      maxInFlight: 512,
      maxHeldRecords: 6_000,
      maxHeldBytes: 64 * 1024 * 1024,
      maxWaitMs: 2_000,
      circuitFailures: 5,
      ...change,
    };
    const lifecycle = new Lifecycle(log, () => undefined);
    const runtime = createRuntime({ name: 'dispatcher', config, log, lifecycle, now: Date.now });
    ({ health } = runtime);
    const strategy = new KafkaStrategy({
      kafka: runtime.kafka,
      log,
      health: runtime.health,
      now: Date.now,
      prefix,
      waitFor: (what, attempt) => runtime.waitFor(what, attempt),
      ...stages(config),
    });
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(await AppModule.wire(runtime), {
      strategy,
      logger: new NestLog(log),
      abortOnError: false,
    });
    app.useGlobalFilters(new FaultFilter());
    runtime.onClose('consumers', () => app.close());
    await app.listen();
    return () => lifecycle.stop('test', 0);
  }

  async function aReceiver(...options: Parameters<typeof startReceiver>): Promise<Receiver> {
    const receiver = await startReceiver(...options);
    receivers.push(receiver);
    return receiver;
  }

  /** Puts a webhook on its topic; its secrets are sealed as the API does. */
  async function register(
    url: string,
    o: { secrets?: string[]; change?: Partial<WebhookSnapshot> } = {},
  ): Promise<WebhookSnapshot> {
    const webhook = aWebhook({ url, ...o.change });
    webhook.secrets = (o.secrets ?? [generateSecret()]).map((secret, i) => ({
      sealed: box.seal(secret, webhook.webhook_id),
      expires_at_ms: i === 0 ? null : Date.now() + 3_600_000,
    }));
    const { webhook_id: key } = webhook;
    await producer.send({ topic: topics.webhooks, key, value: codec.encode('webhook', webhook) });
    return webhook;
  }

  async function deliver(webhook: WebhookSnapshot, change: Partial<Delivery> = {}): Promise<Delivery> {
    const delivery = aDelivery({ webhook_id: webhook.webhook_id, accepted_at_ms: Date.now(), ...change });
    await producer.send({
      topic: topics.deliveries,
      key: webhook.webhook_id,
      value: codec.encode('delivery', delivery),
    });
    return delivery;
  }

  /** What was written about a delivery, when that is at least so many records. */
  async function writtenAbout({ delivery_id }: Delivery, count: number) {
    const about = () =>
      written.filter(
        ({ decoded }) =>
          decoded && 'delivery_id' in decoded.record && decoded.record.delivery_id === delivery_id,
      );
    await until(`${count} records about ${delivery_id}`, () => about().length >= count);
    return about();
  }

  it('posts a delivery to its receiver, verifiable by both schemes and both secrets, and logs the attempt', async () => {
    const [current, rotated] = [generateSecret(), generateSecret()];
    const receiver = await aReceiver({ respond: () => ({ status: 202, body: 'thanks' }) });
    const delivery = await deliver(await register(receiver.url, { secrets: [current, rotated] }));

    const [request] = await receiver.waitFor(1);
    const { headers, rawBody: body } = request!;
    expect(body).toEqual(delivery.body);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^Dits-Webhooks\/\d+\.\d+\.\d+$/),
      'x-dits-event': 'push',
      'x-dits-delivery': delivery.delivery_id,
      'x-dits-attempt': '1',
      'x-dits-webhook-id': delivery.webhook_id,
    });
    const signature = headers['x-hub-signature-256'];
    expect(verifyHubSignature({ secret: current, body, signature })).toEqual({ ok: true });
    for (const secret of [current, rotated]) {
      const standard = {
        id: headers['webhook-id'],
        timestamp: headers['webhook-timestamp'],
        signature: headers['webhook-signature'],
      };
      expect(verifyStandard({ secret, body, headers: standard, nowMs: Date.now() })).toEqual({ ok: true });
    }

    const [entry] = await writtenAbout(delivery, 1);
    expect(entry).toMatchObject({
      topic: topics.deliveryLog,
      key: Buffer.from(delivery.delivery_id),
      decoded: {
        name: 'attempted',
        record: {
          outcome: 'delivered',
          status_code: 202,
          next_step: 'done',
          response_body: Buffer.from('thanks'),
        },
      },
    });
  });

  it('knows a webhook from the moment it stands on its topic', async () => {
    const receiver = await aReceiver();
    for (let i = 0; i < 50; i++) await deliver(await register(receiver.url));
    await receiver.waitFor(50);
  });

  it('retries a 5xx at once, and puts what fails again on the first tier', async () => {
    const receiver = await aReceiver({ respond: () => ({ status: 503 }) });
    const delivery = await deliver(await register(receiver.url));
    const requests = await receiver.waitFor(2);
    expect(requests.map(({ headers }) => headers['x-dits-attempt'])).toEqual(['1', '2']);
    const about = await writtenAbout(delivery, 3);
    expect(about.map(({ topic, decoded }) => [topic, decoded!.name]).sort()).toEqual(
      [
        [topics.deliveries + '.retry.15s', 'delivery'],
        [topics.deliveryLog, 'attempted'],
        [topics.deliveryLog, 'attempted'],
      ].sort(),
    );
    const retry = about.find(({ topic }) => topic === topics.retry('15s'))!;
    expect(retry.key!.toString()).toBe(delivery.webhook_id);
    const { record } = retry.decoded as { record: Delivery };
    expect(record).toMatchObject({ attempt: 3, schedule_attempt: 3, body: delivery.body });
    expect(retry.headers['dits-not-before']!.toString()).toBe(String(record.not_before_ms));
  });

  it('puts a rejected delivery on the dead letters, with the bytes of its record', async () => {
    const receiver = await aReceiver({ respond: () => ({ status: 404 }) });
    const delivery = await deliver(await register(receiver.url));
    const about = await writtenAbout(delivery, 3);
    expect(about.map(({ decoded }) => decoded!.name).sort()).toEqual([
      'attempted',
      'dead-lettered',
      'delivery',
    ]);
    const letter = about.find(({ topic }) => topic === topics.deadLetters)!;
    expect(letter.decoded!.record).toEqual(delivery);
    expect(letter.headers['dits-dead-letter-reason']!.toString()).toBe('http_404');
    expect(receiver.requests).toHaveLength(1);
  });

  it('cancels a delivery whose webhook was deleted a moment ago', async () => {
    const receiver = await aReceiver();
    const webhook = await register(receiver.url);
    await producer.send({ topic: topics.webhooks, key: webhook.webhook_id, value: null });
    const [entry] = await writtenAbout(await deliver(webhook), 1);
    expect(entry!.decoded).toMatchObject({ name: 'cancelled', record: { reason: 'webhook_deleted' } });
    expect(receiver.requests).toEqual([]);
  });

  it('puts a record that nobody can read on the dead letters untouched, and goes on', async () => {
    const receiver = await aReceiver();
    const webhook = await register(receiver.url);
    const value = randomBytes(50);
    const headers = { traceparent: '00-a-b-01' };
    await producer.send({ topic: topics.deliveries, key: webhook.webhook_id, value, headers });
    await deliver(webhook);
    await receiver.waitFor(1);
    const letter = () => written.find((record) => record.value?.equals(value));
    await until('the dead letter', () => letter() !== undefined);
    expect(letter()!.headers).toMatchObject({
      traceparent: Buffer.from('00-a-b-01'),
      'dits-dead-letter-stage': Buffer.from('dispatcher'),
    });
  });

  it('does not let a receiver that hangs hold up another', async () => {
    const hanging = await aReceiver({ respond: () => 'hang' });
    const quick = await aReceiver();
    const slowWebhook = await register(hanging.url);
    const quickWebhook = await register(quick.url);
    for (let i = 0; i < 40; i++) await deliver(slowWebhook);
    await deliver(quickWebhook);
    await quick.waitFor(1, 4_000);
    // 16 at once: its own limit.
    expect(hanging.requests.length).toBeLessThanOrEqual(16);
  });

  it('loses nothing and repeats nothing that was recorded when it is stopped and started again', async () => {
    const receiver = await aReceiver({ respond: () => ({ delayMs: 20 }) });
    const webhook = await register(receiver.url);
    const deliveries: Delivery[] = [];
    for (let i = 0; i < 200; i++) {
      deliveries.push(await deliver(webhook));
      if (i === 50) {
        await stop();
        stop = () => Promise.resolve();
      }
    }
    stop = await startDispatcher();
    await receiver.waitFor(
      (requests) => new Set(requests.map((r) => r.headers['x-dits-delivery'])).size === 200,
    );
    await Promise.all(deliveries.map((delivery) => writtenAbout(delivery, 1)));
    expect(receiver.requests).toHaveLength(200);
  });

  it('counts no attempt that the egress proxy has kept from leaving, and is not ready meanwhile', async () => {
    let isWorking = false;
    const proxy = createServer().on('connect', ({ url }, client) => {
      if (!isWorking) return void client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      const { hostname, port } = new URL(`http://${url}`);
      const receiver = connect(Number(port), hostname, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(receiver).pipe(client);
      });
      for (const [one, other] of [[client, receiver] as const, [receiver, client] as const]) {
        one.on('error', () => {}).on('close', () => other.destroy());
      }
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    await stop();
    stop = await startDispatcher({
      egressProxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    });
    const isReady = async (): Promise<boolean> => (await health.report()).checks['egress proxy']!.ok;
    const receiver = await aReceiver();
    const delivery = await deliver(await register(receiver.url));
    await until('not ready', async () => !(await isReady()));
    isWorking = true;
    const [entry] = await writtenAbout(delivery, 1);
    expect(entry!.decoded).toMatchObject({
      name: 'attempted',
      record: { attempt: 1, outcome: 'delivered', remote_address: new URL(receiver.url).host },
    });
    expect([await isReady(), receiver.requests.length]).toEqual([true, 1]);
    await stop();
    stop = () => Promise.resolve();
    proxy.close();
  });
});
