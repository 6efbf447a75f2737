import { randomBytes } from 'node:crypto';
import { bundledSchemas, ConfigError, EventCatalogue, topicNames } from '@dits/contracts';
import { uuidV7 } from '@dits/domain';
import { BatchingProducer, createCodec, createKafka, type KafkaOptions, type Log } from '@dits/kafka';
import { withName } from './check-event.js';
import { EventPublisher } from './event-publisher.js';
import { methodName } from './method-name.js';
import { Outbox } from './outbox.js';
import type { Publisher, PublisherBase } from './publisher.js';
import { Registration } from './registration.js';

/** Options of {@link createPublisher}. */
export interface PublisherOptions {
  /** Kafka: `host:port`, at least one. */
  brokers: string[];
  /** Root of the schema registry's Confluent-compatible API. */
  registryUrl: string;
  /** Before the topic's name, where installations share a cluster. Default none. */
  topicPrefix?: string;
  /** What Kafka's logs call this program. Default `dits-publisher`. */
  clientId?: string;
  /** Where log lines go; a pino logger fits, and so does `console`. Default nowhere. */
  log?: Log;
  /** About how long an event is tried before its promise rejects. Default 30,000 ms: longer than a broker's restart. */
  deadlineMs?: number;
  /** Most events that wait or are under way; beyond it `publish` rejects. Default 10,000. */
  maxUnsentEvents?: number;
  /** Most bytes of them, as JSON. Default 64 MiB. */
  maxUnsentBytes?: number;
  /**
   * Asked at each publish: the W3C headers (`traceparent`, `tracestate`) of the trace that the caller is in, which the deliveries of the event are
   * in as well, then. With OpenTelemetry: `() => { const headers = {}; propagation.inject(context.active(), headers); return headers; }`.
   * Other names are left out. Default none.
   */
  traceHeaders?: () => Readonly<Record<string, string>>;
  /** Event types. Default those of this build. */
  catalogue?: EventCatalogue;
  /** Opens the sockets to Kafka: for a tunnel, or a test that cuts the line. */
  socketFactory?: KafkaOptions['socketFactory'];
}

const nowhere: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Makes a publisher. Close it before the process ends.
 *
 * Resolves after the first try to reach Kafka and the registry, whether they answered or not, within about ten seconds:
 * a service may start before them. It goes on trying; events published meanwhile wait, up to their deadline.
 * Throws `ConfigError` when an option is missing.
 */
export async function createPublisher(options: PublisherOptions): Promise<Publisher> {
  const { brokers, registryUrl, topicPrefix = '', log = nowhere, deadlineMs = 30_000 } = options;
  const { maxUnsentEvents = 10_000, maxUnsentBytes = 64 * 1024 * 1024 } = options;
  if (!Array.isArray(brokers) || brokers.length === 0)
    throw new ConfigError('createPublisher: `brokers` must list at least one host:port of Kafka');
  if (!registryUrl) throw new ConfigError('createPublisher: `registryUrl` must be the url of the registry');
  const catalogue = options.catalogue ?? new EventCatalogue(bundledSchemas);
  const topics = topicNames(topicPrefix);

  const codec = createCodec({ registryUrl, catalogue, topics, log });
  const registration = new Registration({ register: () => codec.register('events'), log });
  const kafka = createKafka({
    brokers,
    clientId: options.clientId ?? 'dits-publisher',
    log,
    ...(options.socketFactory && { socketFactory: options.socketFactory }),
  });
  const producer = new BatchingProducer({ kafka, log, deadlineMs: Math.min(deadlineMs, 10_000) });
  const outbox = new Outbox({
    async send(events) {
      if (registration.problem) throw registration.problem;
      // One call each, so that each has its own end; within one turn they share a request.
      const sends = events.map(async ({ type, event, acceptedAtMs, headers }) =>
        producer.send({
          topic: topics.events,
          key: String(event.repository.id),
          value: codec.encodeEvent(type, event),
          headers,
          timestampMs: acceptedAtMs,
        }),
      );
      const results = await Promise.allSettled(sends);
      return results.map((result) => (result.status === 'rejected' ? (result.reason as Error) : undefined));
    },
    maxEvents: maxUnsentEvents,
    maxBytes: maxUnsentBytes,
    deadlineMs,
    now: Date.now,
  });
  const events = new EventPublisher({
    check: {
      catalogue,
      now: Date.now,
      newEventId: (nowMs) => uuidV7(nowMs, randomBytes(10)),
      ...(options.traceHeaders && { traceHeaders: options.traceHeaders }),
    },
    outbox,
    deadlineMs,
    registry: registryUrl,
    kafka: `the topic ${topics.events} at ${brokers.join(', ')}`,
  });

  const base: PublisherBase = {
    publish: (event) => events.publish(event),
    publishAll: (list) => events.publishAll(list),
    flush: () => outbox.flush(),
    async close() {
      await events.close();
      registration.stop();
      await producer.close();
    },
    health() {
      const problem =
        registration.problem?.message ?? (producer.healthy ? undefined : 'Kafka does not answer');
      const { events: unsentEvents, bytes: unsentBytes } = outbox.size;
      return {
        ok: problem === undefined,
        ...(problem !== undefined && { problem }),
        unsentEvents,
        unsentBytes,
      };
    },
  };
  const functions = catalogue.all.map(({ event }) => [
    methodName(event),
    async (fields: unknown) => events.publish(withName(event, fields)),
  ]);

  await Promise.allSettled([registration.start(), producer.connect()]);
  return { ...(Object.fromEntries(functions) as Publisher), ...base };
}
