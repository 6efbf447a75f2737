import { createRequire } from 'node:module';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

interface Connection {
  connect(): Promise<true>;
  disconnect(): Promise<true>;
  isConnected(): boolean;
  send(protocol: { request: object; response: object }): Promise<Buffer>;
}
const load = (path: string): unknown => createRequire(import.meta.url)(`kafkajs/src/${path}`);
const ConnectionOfKafkajs = load('network/connection') as new (options: object) => Connection;
const socketFactory = (load('network/socketFactory') as () => object)();
const Encoder = load('protocol/encoder') as new () => object;

const REQUEST = {
  request: {
    apiKey: 18,
    apiName: 'ApiVersions',
    apiVersion: 0,
    encode: () => Promise.resolve(new Encoder()),
  },
  response: {
    decode: (payload: Buffer) => Promise.resolve(payload),
    parse: (payload: Buffer) => Promise.resolve(payload),
  },
};

/** The answer to a request that came as these bytes. */
function answerTo(request: Buffer, text: string): Buffer {
  const answer = Buffer.alloc(8 + text.length);
  answer.writeInt32BE(answer.length - 4, 0);
  answer.writeInt32BE(correlationIdOf(request), 4);
  answer.write(text, 8);
  return answer;
}

/** Behind the size, the api's key and its version. */
function correlationIdOf(request: Buffer): number {
  return request.readInt32BE(8);
}

/** What patches/kafkajs@2.2.4.patch mends in a connection; without it the tests fail. */
describe("kafkajs's connection", () => {
  let server: Server;
  let connection: Connection;
  const accepted: Socket[] = [];
  let onRequest: (socket: Socket, request: Buffer) => void;

  beforeEach(async () => {
    accepted.length = 0;
    onRequest = (socket, request) => socket.write(answerTo(request, 'yes'));
    server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (request) => onRequest(socket, request));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const silent = { debug() {}, info() {}, warn() {}, error() {}, namespace: () => silent };
    connection = new ConnectionOfKafkajs({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      logger: silent,
      socketFactory,
      connectionTimeout: 5_000,
      requestTimeout: 5_000,
    });
  });
  afterEach(async () => {
    await connection.disconnect();
    for (const socket of accepted) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is one, however many want it at a time', async () => {
    await Promise.all([connection.connect(), connection.connect(), connection.connect()]);
    expect(String(await connection.send(REQUEST))).toBe('yes');
    expect(accepted.length).toBe(1);
  });

  it('fails for all that want it at a time, and can be made later', async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const attempts = await Promise.allSettled([connection.connect(), connection.connect()]);
    expect(attempts.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await connection.connect();
    expect(String(await connection.send(REQUEST))).toBe('yes');
  });

  it('does not end with the one before it', async () => {
    await connection.connect();
    await connection.send(REQUEST);
    await connection.disconnect();
    await connection.connect();
    await connection.send(REQUEST);
    const [before, now] = accepted;
    onRequest = (socket, request) => {
      // First the end of the former, so that it comes before the answer.
      before!.end(() => socket.write(answerTo(request, 'still here')));
    };
    expect(String(await connection.send(REQUEST))).toBe('still here');
    expect([connection.isConnected(), now!.readableEnded]).toEqual([true, false]);
  });

  it('takes half an answer of the one before for nothing', async () => {
    await connection.connect();
    onRequest = (socket, request) => socket.end(answerTo(request, 'too short').subarray(0, 12));
    await expect(connection.send(REQUEST)).rejects.toThrow('Closed connection');
    onRequest = (socket, request) => socket.write(answerTo(request, 'whole'));
    await connection.connect();
    expect(String(await connection.send(REQUEST))).toBe('whole');
  });
});

interface BrokerPool {
  brokers: Record<number, object>;
  seedBroker: object;
  removeBroker(place: { host: string; port: number }): void;
}
const BrokerPoolOfKafkajs = load('cluster/brokerPool') as new (options: object) => BrokerPool;

it("kafkajs's pool closes what is left of a broker that it drops", () => {
  const closed: number[] = [];
  const brokers = [1, 2].map((nodeId) => ({
    nodeId,
    connectionPool: { host: 'kafka', port: 9090 + nodeId },
    disconnect: () => Promise.resolve(void closed.push(nodeId)),
  }));
  const pool = new BrokerPoolOfKafkajs({ logger: { namespace: () => ({}) } });
  pool.brokers = Object.fromEntries(brokers.map((broker) => [broker.nodeId, broker]));
  pool.seedBroker = brokers[0]!;
  pool.removeBroker({ host: 'kafka', port: 9091 });
  expect(closed).toEqual([1]);
  expect(pool.seedBroker).toBe(brokers[1]);
});
