import { bundledSchemas, EventCatalogue, topicNames } from '@dits/contracts';
import {
  BatchingProducer,
  createCodec,
  createKafka,
  startBatchConsumer,
  type IncomingRecord,
} from '@dits/kafka';
import { services } from '@dits/testkit';
import type { Platform } from './platform.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A platform service that produces to `dits.events`, and somebody who reads the dead letters. */
export interface EventsTopic {
  /** The record value of an event `{event, …}`; nothing but its schema is checked. */
  encode(event: Record<string, unknown>): Buffer;
  produce(records: { key: string; value: Buffer; headers?: Record<string, string> }[]): Promise<void>;
  /** The dead letters so far. */
  deadLetters: IncomingRecord[];
  close(): Promise<void>;
}

/** Connects to the Kafka of a platform. */
export async function openEventsTopic({ prefix }: Pick<Platform, 'prefix'>): Promise<EventsTopic> {
  const catalogue = new EventCatalogue(bundledSchemas);
  const topics = topicNames(prefix);
  const codec = createCodec({ registryUrl: services().registry, catalogue, topics, log: quiet });
  await codec.register();
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'platform-service', log: quiet });
  const producer = new BatchingProducer({ kafka, log: quiet });
  await producer.connect();
  const deadLetters: IncomingRecord[] = [];
  const reader = await startBatchConsumer({
    kafka,
    log: quiet,
    groupId: `${prefix}e2e-dead-letters`,
    topics: [topics.deadLetters],
    handle: async (records) => void deadLetters.push(...records),
  });
  return {
    encode({ event, ...fields }) {
      const type = catalogue.find(event as string)!;
      // avsc fills in what is absent only when it makes a record of the value.
      return codec.encodeEvent(type, type.type.clone(fields, { skipMissingFields: true }) as object);
    },
    produce: (records) => producer.sendAll(records.map((record) => ({ topic: topics.events, ...record }))),
    deadLetters,
    async close() {
      await producer.close();
      await reader.stop();
    },
  };
}
