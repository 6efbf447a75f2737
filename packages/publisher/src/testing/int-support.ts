import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { bundledSchemas, EventCatalogue, topicNames } from '@dits/contracts';
import {
  applyTopics,
  createCodec,
  createKafka,
  startBatchConsumer,
  type DecodedEvent,
  type KafkaOptions,
  type Log,
} from '@dits/kafka';
import { services } from '@dits/testkit';

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A line that a test can cut, and a way through it to the broker or, as a proxy, to any server. */
export class Line {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  readonly socketFactory: KafkaOptions['socketFactory'] = ({ host, port, onConnect }) =>
    this.keep(createConnection({ host, port: this.isCut ? 1 : port }, onConnect));

  /** Url of a proxy to another url; it ends with the process. */
  async proxyTo(url: string): Promise<string> {
    const { hostname, port, pathname } = new URL(url);
    const server = createServer((client) => {
      this.keep(client);
      if (this.isCut) return void client.destroy();
      const upstream = this.keep(createConnection({ host: hostname, port: Number(port) }));
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`;
  }

  cut(): void {
    this.isCut = true;
    // With an error: kafkajs does not notice a mere close.
    for (const socket of this.sockets) socket.destroy(new Error('the line was cut'));
  }

  mend(): void {
    this.isCut = false;
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    return socket;
  }
}

/** An event as it lies on the topic. */
export interface Arrived extends DecodedEvent {
  key: string;
  headers: Record<string, string>;
  timestampMs: number;
  partition: number;
}

/** Makes the topics of a prefix. */
export async function makeTopics(prefix: string): Promise<void> {
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'test', log: quiet });
  await applyTopics({ kafka, prefix, replication: 1 });
}

/** Reads the events of a prefix from the start until stopped. */
export async function readEvents(
  prefix: string,
  catalogue = new EventCatalogue(bundledSchemas),
): Promise<{ arrived: Arrived[]; stop(): Promise<void> }> {
  const topics = topicNames(prefix);
  const codec = createCodec({ registryUrl: services().registry, catalogue, topics, log: quiet });
  const arrived: Arrived[] = [];
  const consumer = await startBatchConsumer({
    kafka: createKafka({ brokers: [services().kafka], clientId: 'test', log: quiet }),
    log: quiet,
    groupId: `${prefix}reader-${Math.random()}`,
    topics: [topics.events],
    async handle(records) {
      for (const { key, value, headers, timestampMs, partition } of records)
        arrived.push({
          ...(await codec.decodeEvent(value)),
          key: String(key),
          headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, String(bytes)])),
          timestampMs,
          partition,
        });
    },
  });
  return { arrived, stop: () => consumer.stop() };
}
