import kafkajs, { type ISocketFactory, type Kafka, type RetryOptions } from 'kafkajs';
import { kafkaLogCreator } from './kafka-log.js';
import type { Log } from './log.js';
import { zstdCodec } from './zstd-codec.js';

kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => zstdCodec;

/** Where Kafka is. */
export interface KafkaOptions {
  /** `host:port`, at least one. */
  brokers: string[];
  clientId: string;
  log: Log;
  /** Opens the sockets; for tests that cut the line. */
  socketFactory?: ISocketFactory;
}

/** Knows the brokers; everything that talks to Kafka takes one. Opens no connection by itself. */
export class KafkaConnection {
  constructor(private readonly options: KafkaOptions) {}

  /**
   * A kafkajs client of its own for each user: clients of one `Kafka` object share the committed offsets of a group,
   * so that one member's join would clear another's.
   *
   * @internal
   */
  newClient(settings: { retry: RetryOptions; requestTimeoutMs: number }): Kafka {
    const { brokers, clientId, log, socketFactory } = this.options;
    return new kafkajs.Kafka({
      brokers,
      clientId,
      retry: settings.retry,
      requestTimeout: settings.requestTimeoutMs,
      connectionTimeout: 3000,
      logLevel: kafkajs.logLevel.INFO,
      logCreator: kafkaLogCreator(log),
      ...(socketFactory && { socketFactory }),
    });
  }
}

/** Makes a {@link KafkaConnection}. Does no I/O. */
export function createKafka(options: KafkaOptions): KafkaConnection {
  return new KafkaConnection(options);
}
