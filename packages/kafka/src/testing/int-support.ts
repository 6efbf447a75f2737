import { createConnection, type Socket } from 'node:net';
import { services, uniquePrefix } from '@dits/testkit';
import kafkajs, { type Admin, type ISocketFactory } from 'kafkajs';
import { createKafka, type KafkaConnection } from '../connection.js';
import type { RunningConsumer } from '../consumer/consumer-options.js';
import type { Log } from '../log.js';
import { BatchingProducer } from '../producer/batching-producer.js';
import type { IncomingRecord } from '../records.js';
import { createTopics } from '../topics/create-topics.js';
import { keptLog } from './kept-log.js';

export { keptLog } from './kept-log.js';

/** The line to the broker, which a test can cut. */
export class Line {
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  /** Connections that there have been. */
  opened = 0;

  readonly socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    // Port 1: refused at once.
    const socket = createConnection({ host, port: this.isCut ? 1 : port }, onConnect);
    this.sockets.add(socket);
    this.opened++;
    socket.on('close', () => this.sockets.delete(socket));
    return socket;
  };

  /** Connections that there are. */
  get open(): number {
    return this.sockets.size;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy(new Error('the line was cut'));
  }

  mend(): void {
    this.isCut = false;
  }
}

/** A connection to the test broker. */
export function testKafka(o: { log?: Log; line?: Line } = {}): KafkaConnection {
  return createKafka({
    brokers: [services().kafka],
    clientId: 'test',
    log: o.log ?? keptLog(),
    ...(o.line && { socketFactory: o.line.socketFactory }),
  });
}

/** Runs a test with a kafkajs admin. */
export async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({
    brokers: [services().kafka],
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Makes a topic of its own for a test. */
export async function aTopic(
  o: { name?: string; partitions?: number; config?: Record<string, string> } = {},
): Promise<string> {
  const topic = o.name ?? `${uniquePrefix()}topic`;
  const configEntries = Object.entries(o.config ?? {}).map(([name, value]) => ({ name, value }));
  await withAdmin((admin) =>
    createTopics(admin, [{ topic, numPartitions: o.partitions ?? 1, replicationFactor: 1, configEntries }]),
  );
  return topic;
}

/** Runs a test with a connected producer. */
export async function withProducer<T>(use: (producer: BatchingProducer) => Promise<T>): Promise<T> {
  const producer = new BatchingProducer({ kafka: testKafka(), log: keptLog() });
  await producer.connect();
  try {
    return await use(producer);
  } finally {
    await producer.close();
  }
}

/** Produces the numbers `from` to `from + count - 1` as text, under keys of the same text. */
export async function produceNumbers(topic: string, count: number, from = 0): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => String(from + i));
  await withProducer((producer) =>
    producer.sendAll(numbers.map((key) => ({ topic, key, value: Buffer.from(key) }))),
  );
}

export function numberOf(record: IncomingRecord): number {
  return Number(record.value?.toString());
}

/** Sum of a consumer's committed offsets. */
export function committedSum(consumer: RunningConsumer): bigint {
  return consumer.health().partitions.reduce((sum, { committed }) => sum + (committed ?? 0n), 0n);
}
