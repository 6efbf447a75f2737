import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';

interface Queue {
  push(request: { entry: object; expectResponse: boolean; sendRequest: () => void }): void;
  fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void;
  maybeThrottle(ms: number): void;
}
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
  options: object,
) => Queue;

/** What patches/kafkajs@2.2.4.patch mends; without it the tests fail. */
describe("kafkajs's request queue", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const logger = { debug: () => undefined, warn: () => undefined };
  const aQueue = (): Queue => new RequestQueue({ requestTimeout: 1000, clientId: 'c', broker: 'b', logger });
  const send = (queue: Queue, correlationId: number): { sent: boolean } => {
    const state = { sent: false };
    const entry = { correlationId, resolve: () => undefined, reject: () => undefined };
    queue.push({ entry, expectResponse: true, sendRequest: () => (state.sent = true) });
    return state;
  };

  it('sets no timer when no request is pending', () => {
    const queue = aQueue();
    send(queue, 1);
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends what a throttle held back when the throttle ends', () => {
    const queue = aQueue();
    queue.maybeThrottle(300);
    const request = send(queue, 1);
    jest.advanceTimersByTime(299);
    expect(request.sent).toBe(false);
    jest.advanceTimersByTime(1);
    expect(request.sent).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});

interface Encoded {
  buffer: Buffer;
}
interface Decoded {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[]>;
}
const load = (path: string): unknown => createRequire(import.meta.url)(`kafkajs/src/protocol/${path}`);
const encodeRecord = load('recordBatch/record/v0') as (record: object) => Encoded;
const { RecordBatch } = load('recordBatch/v0') as { RecordBatch(batch: object): Promise<Encoded> };
const decodeBatch = load('recordBatch/v0/decoder') as (decoder: object) => Promise<{ records: Decoded[] }>;
const Decoder = load('decoder') as new (bytes: Buffer) => object;
const crc32c = load('recordBatch/crc32C') as (bytes: Buffer) => number;

describe("kafkajs's records", () => {
  const bytes = fc.uint8Array({ maxLength: 1200 }).map((array) => Buffer.from(array));
  const someRecord = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(bytes, fc.array(bytes, { minLength: 2 }))),
    timestampDelta: fc.integer({ min: -(2 ** 31), max: 2 ** 45 }),
  });

  it('come back as they were written', async () => {
    const firsts = fc.record({ offset: fc.nat(2 ** 52), timestamp: fc.nat(2 ** 42) });
    await fc.assert(
      fc.asyncProperty(fc.array(someRecord, { minLength: 1, maxLength: 8 }), firsts, async (some, first) => {
        const records = some.map((record, offsetDelta) => encodeRecord({ ...record, offsetDelta }));
        const lastOffsetDelta = some.length - 1;
        const times = { firstTimestamp: first.timestamp, maxTimestamp: first.timestamp };
        const batch = await RecordBatch({ ...times, firstOffset: first.offset, lastOffsetDelta, records });
        const { records: read } = await decodeBatch(new Decoder(batch.buffer));
        expect(read).toHaveLength(some.length);
        for (const [i, { key, value, headers, timestampDelta }] of some.entries()) {
          expect(read[i]).toMatchObject({
            offset: String(first.offset + i),
            timestamp: String(first.timestamp + timestampDelta),
            key,
            value,
          });
          expect(Object.entries(read[i]!.headers)).toEqual(Object.entries(headers));
        }
      }),
    );
  });

  it('are those of the protocol, byte for byte', () => {
    const record = {
      offsetDelta: 3,
      timestampDelta: -2,
      key: Buffer.from('k'),
      value: null,
      headers: { h: ['1', '22'] },
    };
    // length 16, attributes 0, timestamp -2, offset 3, key of 1, no value, 2 headers
    const hex = '20' + '00' + '03' + '06' + '026b' + '01' + '04' + '0268' + '0231' + '0268' + '043232';
    expect(encodeRecord(record).buffer.toString('hex')).toBe(hex);
  });

  it.each([
    // RFC 3720, B.4
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['nothing', Buffer.alloc(0), 0],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
  ])('carry the CRC-32C of %s', (_, of, crc) => {
    expect(crc32c(of)).toBe(crc);
  });
});

describe("kafkajs's encoder", () => {
  interface Encoder {
    buffer: Buffer;
    size(): number;
    writeInt32(value: number): Encoder;
    writeInt64(value: number | string): Encoder;
    writeString(value: string): Encoder;
    writeBytes(value: Buffer): Encoder;
    writeEncoder(value: Encoder): Encoder;
    writeArray(value: Encoder[]): Encoder;
  }
  const Encoder = createRequire(import.meta.url)('kafkajs/src/protocol/encoder') as new () => Encoder;
  type Write =
    | { kind: 'int32'; value: number }
    | { kind: 'int64'; value: bigint }
    | { kind: 'string'; value: string }
    | { kind: 'bytes'; value: Buffer }
    | { kind: 'nested' | 'array'; value: Write[] };

  const bytes = fc.uint8Array({ maxLength: 1500 }).map((array) => Buffer.from(array));
  const { writes } = fc.letrec<{ writes: Write[]; write: Write }>((tie) => ({
    writes: fc.array(tie('write'), { maxLength: 6 }),
    write: fc.oneof(
      { depthSize: 'small' },
      fc.record({ kind: fc.constant('int32' as const), value: fc.integer() }),
      fc.record({ kind: fc.constant('int64' as const), value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
      fc.record({ kind: fc.constant('int64' as const), value: fc.bigInt(-(2n ** 54n), 2n ** 54n) }),
      fc.record({ kind: fc.constant('string' as const), value: fc.string({ maxLength: 700 }) }),
      fc.record({ kind: fc.constant('bytes' as const), value: bytes }),
      fc.record({ kind: fc.constantFrom('nested' as const, 'array' as const), value: tie('writes') }),
    ),
  }));

  const encode = (list: Write[], looks: boolean): Encoder => {
    const encoder = new Encoder();
    for (const write of list) {
      if (write.kind === 'int32') encoder.writeInt32(write.value);
      if (write.kind === 'int64') encoder.writeInt64(String(write.value));
      if (write.kind === 'string') encoder.writeString(write.value);
      if (write.kind === 'bytes') encoder.writeBytes(write.value);
      if (write.kind === 'nested') encoder.writeEncoder(encode(write.value, looks));
      if (write.kind === 'array') encoder.writeArray(write.value.map((one) => encode([one], looks)));
      // Whoever looks in between, for a checksum say, changes nothing.
      if (looks) expect(encoder.buffer).toHaveLength(encoder.size());
    }
    return encoder;
  };
  const expected = (list: Write[]): Buffer =>
    Buffer.concat(
      list.map((write) => {
        const length = Buffer.alloc(4);
        switch (write.kind) {
          case 'int32':
            length.writeInt32BE(write.value);
            return length;
          case 'int64': {
            const long = Buffer.alloc(8);
            long.writeBigInt64BE(write.value);
            return long;
          }
          case 'string': {
            const text = Buffer.from(write.value);
            length.writeInt16BE(text.length);
            return Buffer.concat([length.subarray(0, 2), text]);
          }
          case 'bytes':
            length.writeInt32BE(write.value.length);
            return Buffer.concat([length, write.value]);
          case 'nested':
            return expected(write.value);
          case 'array':
            length.writeInt32BE(write.value.length);
            return Buffer.concat([length, expected(write.value)]);
        }
      }),
    );

  it('writes what was given, in order, small or large, however nested', () => {
    fc.assert(
      fc.property(writes, fc.boolean(), (list, looks) => {
        const encoder = encode(list, looks);
        const wanted = expected(list);
        expect(encoder.size()).toBe(wanted.length);
        expect(encoder.buffer.equals(wanted)).toBe(true);
        // Once more: looking is not taking.
        expect(encoder.buffer.equals(wanted)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("kafkajs's partitioner", () => {
  const murmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (
    key: Buffer,
  ) => number;

  // From the tests of Kafka's own client: every client must put a key into the same partition.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as the Java client does', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });
});

describe("kafkajs's batches of a partition", () => {
  interface Numbered {
    partition: number;
    n: number;
  }
  const group = createRequire(import.meta.url)('kafkajs/src/producer/groupMessagesPerPartition') as (o: {
    topic: string;
    partitionMetadata: object[];
    messages: Numbered[];
    partitioner(o: { message: Numbered }): number;
  }) => Record<string, Numbered[]>;
  const grouped = (messages: Numbered[]): Record<string, Numbered[]> =>
    group({ topic: 't', partitionMetadata: [{}], messages, partitioner: ({ message }) => message.partition });

  it('have the messages of their partition, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4 })), (partitions) => {
        const messages = partitions.map((partition, n) => ({ partition, n }));
        expect(grouped(messages)).toEqual(Object.groupBy(messages, ({ partition }) => partition));
      }),
    );
  });

  it('are not copied for each message that comes to them', () => {
    const messages = Array.from({ length: 100 }, (_, n) => ({ partition: n % 2, n }));
    const iterations = jest.spyOn(Array.prototype, Symbol.iterator as never);
    try {
      grouped(messages);
      // Over the messages, once.
      expect(iterations.mock.calls.length).toBeLessThanOrEqual(1);
    } finally {
      iterations.mockRestore();
    }
  });
});

interface TopicData {
  topic: string;
  partitions: { partition: string; messages: unknown[] }[];
}
interface FakeBroker {
  nodeId: string;
  produce(o: { topicData: TopicData[] }): Promise<unknown>;
}
const sendMessages = createRequire(import.meta.url)('kafkajs/src/producer/sendMessages') as (
  o: object,
) => (o: { acks: number; topicMessages: { topic: string; messages: object[] }[] }) => Promise<unknown>;

describe("kafkajs's queue of workers", () => {
  const aWorker = createRequire(import.meta.url)('kafkajs/src/consumer/worker') as (o: {
    handler: (batch: number) => Promise<void>;
    workerId: number;
  }) => { run: (o: object) => Promise<void> };
  const aQueue = createRequire(import.meta.url)('kafkajs/src/consumer/workerQueue') as (o: {
    workers: object[];
  }) => { push: (...batches: number[]) => Promise<void> };

  it('wakes no more of them than there are batches, and leaves none of those', async () => {
    let woken = 0;
    const handled: number[] = [];
    const workers = Array.from({ length: 64 }, (_, workerId) => {
      const { run } = aWorker({
        workerId,
        handler: async (batch) => {
          await Promise.resolve();
          handled.push(batch);
        },
      });
      return { run: (o: object) => (woken++, run(o)) };
    });
    const queue = aQueue({ workers });
    await queue.push(1);
    expect(woken).toBe(1);
    // The first is at work, so the second fetch has to pass it over.
    await Promise.all([queue.push(2), queue.push(3, 4)]);
    expect(woken).toBeLessThan(8);
    await queue.push(...Array.from({ length: 100 }, (_, i) => 5 + i));
    expect(handled.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 104 }, (_, i) => 1 + i));
  });
});

describe("kafkajs's producer", () => {
  /** Two brokers with a partition each; `a` takes everything, `b` fails once and has lost its partition to `a` then. */
  function aClusterInWhichBDies(): { produced: string[]; send: () => Promise<unknown> } {
    const produced: string[] = [];
    let leaders: Record<string, string[]> = { a: ['0'], b: ['1'] };
    const aBroker = (nodeId: string): FakeBroker => ({
      nodeId,
      produce({ topicData }) {
        if (nodeId === 'b') {
          const died = Object.assign(new Error('closed'), { name: 'KafkaJSConnectionClosedError' });
          // Later than the answer of `a`, as when a request had been on its way.
          return new Promise((_, reject) => setImmediate(() => reject(died)));
        }
        for (const { topic, partitions } of topicData)
          for (const { partition } of partitions) produced.push(`${topic}/${partition} to ${nodeId}`);
        return Promise.resolve({ topics: [] });
      },
    });
    const brokers: Record<string, FakeBroker> = { a: aBroker('a'), b: aBroker('b') };
    const cluster = {
      refreshMetadataIfNecessary: () => Promise.resolve(),
      addMultipleTargetTopics: () => Promise.resolve(),
      findTopicPartitionMetadata: () => [{ partitionId: 0 }, { partitionId: 1 }],
      findLeaderForPartitions: (_topic: string, wanted: string[]) =>
        Object.fromEntries(
          Object.entries(leaders)
            .map(
              ([nodeId, partitions]) => [nodeId, partitions.filter((one) => wanted.includes(one))] as const,
            )
            .filter(([, partitions]) => partitions.length > 0),
        ),
      findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(brokers[nodeId]),
      removeBroker: () => undefined,
      isConnected: () => true,
      refreshMetadata: () => {
        leaders = { a: ['0', '1'] };
        return Promise.resolve();
      },
    };
    const eosManager = {
      acquireBrokerLock: () => Promise.resolve(),
      releaseBrokerLock: () => Promise.resolve(),
      isTransactional: () => false,
      getProducerId: () => 1,
      getProducerEpoch: () => 0,
      getSequence: () => 0,
      updateSequence: () => undefined,
    };
    const retrier = async (attempt: (bail: (error: Error) => void) => Promise<unknown>): Promise<unknown> => {
      const bail = (error: Error): void => {
        throw error;
      };
      return attempt(bail).catch(() => attempt(bail));
    };
    const logger = { debug: () => undefined, error: () => undefined };
    const partitioner = ({ message }: { message: { partition: number } }): number => message.partition;
    const send = sendMessages({ logger, cluster, partitioner, eosManager, retrier });
    const messages = [{ partition: 0 }, { partition: 1 }];
    return { produced, send: () => send({ acks: -1, topicMessages: [{ topic: 't', messages }] }) };
  }

  it('sends a partition that moved to a broker which had answered already, and none twice', async () => {
    const { produced, send } = aClusterInWhichBDies();
    await send();
    expect(produced).toEqual(['t/0 to a', 't/1 to a']);
  });
});
