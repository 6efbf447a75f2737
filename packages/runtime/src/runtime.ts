import type { EventCatalogue, TopicNames } from '@dits/contracts';
import { topicNames } from '@dits/contracts';
import {
  BatchingProducer,
  createCodec,
  createKafka,
  StallWatch,
  type Codec,
  type KafkaConnection,
} from '@dits/kafka';
import type { CommonConfig } from './common-config.js';
import { HealthRegistry } from './health.js';
import type { Lifecycle } from './lifecycle.js';
import { loadCatalogue } from './load-catalogue.js';
import type { Logger } from './logger.js';
import { noTracing, type Tracing } from './tracing/tracing.js';
import { waitFor } from './wait-for.js';

/** What a process gives its app module: configuration, log, health, and when to close things. */
export interface Runtime<C extends CommonConfig = CommonConfig> {
  /** Name of the app: `router`. */
  name: string;
  config: C;
  log: Logger;
  /** What `/readyz` asks. */
  health: HealthRegistry;
  /** What `/livez` asks: only what a restart mends. */
  liveness: HealthRegistry;
  /** Watches the consumers that are given to it; `bootWorker` starts it. */
  stalls: StallWatch;
  topics: TopicNames;
  catalogue: EventCatalogue;
  kafka: KafkaConnection;
  /** Spans of what the process does; off unless `OTEL_*` variables ask for them. */
  tracing: Tracing;
  now: () => number;
  /** Aborted when the process begins to stop. */
  stopping: AbortSignal;
  /**
   * Tries until it works, or until `DITS_START_TIMEOUT_MS` is over: then it rejects, and the process exits 1. Until it
   * works, `/readyz` says what is waited for.
   */
  waitFor: <T>(what: string, attempt: () => Promise<T>) => Promise<T>;
  /** Has `close` awaited at the stop: after the handlers have drained, and before everything that was registered earlier. */
  onClose: (what: string, close: () => unknown) => void;
  /** Logs the error, closes everything and exits 1. For a background task without which the process is of no use. */
  fail: (error: unknown) => void;
}

/** Makes the {@link Runtime} of a process. Does no I/O but reading the schemas folder. */
export function createRuntime<C extends CommonConfig>(o: {
  name: string;
  config: C;
  log: Logger;
  lifecycle: Lifecycle;
  tracing?: Tracing;
  now: () => number;
}): Runtime<C> {
  const { name, config, log, lifecycle, tracing = noTracing, now } = o;
  const health = new HealthRegistry();
  const kafka = createKafka({ brokers: config.kafkaBrokers, clientId: `dits-${name}`, log });
  return {
    name,
    config,
    log,
    health,
    liveness: new HealthRegistry(),
    stalls: new StallWatch({ kafka, log, now }),
    tracing,
    now,
    topics: topicNames(config.topicPrefix),
    catalogue: loadCatalogue(config.schemasDir),
    kafka,
    stopping: lifecycle.stopping,
    async waitFor(what, attempt) {
      const check = `start: ${what}`;
      health.register(check, () => ({ ok: false, detail: 'waiting' }));
      const result = await waitFor({
        what,
        attempt,
        limitMs: config.startTimeoutMs,
        log,
        signal: lifecycle.stopping,
        now,
      });
      health.unregister(check);
      return result;
    },
    onClose: (what, close) => lifecycle.onClose(what, close),
    fail(error) {
      if (lifecycle.stopping.aborted) return;
      log.fatal({ err: error }, error instanceof Error ? error.message : String(error));
      void lifecycle.stop('failed', 1);
    },
  };
}

/** A connected producer, with its health check (`producer`) and its place in the stop. Waits for Kafka. */
export async function connectProducer(
  runtime: Runtime,
  options: Omit<ConstructorParameters<typeof BatchingProducer>[0], 'kafka' | 'log'> = {},
): Promise<BatchingProducer> {
  const { kafka, log, topics } = runtime;
  const producer = new BatchingProducer({ unordered: [topics.deliveryLog], ...options, kafka, log });
  runtime.onClose('producer', () => producer.close());
  await runtime.waitFor(`kafka at ${runtime.config.kafkaBrokers.join(',')}`, () => producer.connect());
  runtime.health.register('producer', () => ({ ok: producer.healthy }));
  return producer;
}

/** A codec whose schemas are registered. Waits for the registry. */
export async function registerCodec(runtime: Runtime): Promise<Codec> {
  const { config, catalogue, topics, log } = runtime;
  const codec = createCodec({ registryUrl: config.registryUrl, catalogue, topics, log });
  await runtime.waitFor(`the schema registry at ${config.registryUrl}`, () => codec.register());
  return codec;
}
