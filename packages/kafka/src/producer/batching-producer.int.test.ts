import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '@dits/testkit';
import { KafkaFault } from '@dits/contracts';
import { startBatchConsumer } from '../consumer/batch-consumer.js';
import type { RunningConsumer } from '../consumer/consumer-options.js';
import type { IncomingRecord } from '../records.js';
import { Line, aTopic, keptLog, numberOf, testKafka } from '../testing/int-support.js';
import { zstdCodec } from '../zstd-codec.js';
import { BatchingProducer, type BatchingProducerOptions } from './batching-producer.js';

jest.setTimeout(60_000);

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function aProducer(
  o: Partial<BatchingProducerOptions> & { line?: Line } = {},
): Promise<BatchingProducer> {
  const { line, ...options } = o;
  const producer = new BatchingProducer({
    kafka: testKafka({ ...(line && { line }) }),
    log: keptLog(),
    ...options,
  });
  open.push(producer);
  await producer.connect();
  return producer;
}

async function readAll(topic: string): Promise<number[]> {
  const seen: number[] = [];
  await follow(topic, (batch) => void seen.push(...batch.map(numberOf)));
  return seen;
}

/** The records of a topic, once there are that many. */
async function readAllOf(topic: string, count: number): Promise<IncomingRecord[]> {
  const seen: IncomingRecord[] = [];
  await follow(topic, (batch) => void seen.push(...batch));
  await until('all read', () => seen.length >= count);
  return seen;
}

async function follow(topic: string, take: (batch: IncomingRecord[]) => void): Promise<void> {
  const consumer: RunningConsumer = await startBatchConsumer({
    kafka: testKafka(),
    log: keptLog(),
    groupId: `${topic}-${Math.random()}`,
    topics: [topic],
    handle: async (batch) => take(batch),
  });
  open.push({ close: () => consumer.stop() });
}

const numbered = (topic: string, n: number) => ({ topic, key: 'k', value: Buffer.from(String(n)) });

describe('BatchingProducer', () => {
  it('keeps the order of a key over many sends', async () => {
    const topic = await aTopic();
    const log = keptLog();
    const producer = await aProducer({ log });
    await Promise.all(Array.from({ length: 5000 }, (_, n) => producer.send(numbered(topic, n))));
    const seen = await readAll(topic);
    await until('all read', () => seen.length >= 5000);
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, n) => n));
  });

  it('sends also what comes in the very moment the queue ran empty', async () => {
    const topic = await aTopic();
    const producer = await aProducer();
    for (let n = 0; n < 50; n++) {
      await Promise.allSettled([producer.send(numbered(topic, n))]);
      await producer.send(numbered(topic, n)).then(() => producer.send(numbered(topic, n)));
    }
  });

  it('fails at its deadline while Kafka is away, says so, and works again by itself', async () => {
    const topic = await aTopic();
    const line = new Line();
    const producer = await aProducer({ line, deadlineMs: 3000 });
    await producer.send(numbered(topic, 0));
    expect(producer.healthy).toBe(true);
    line.cut();
    const sends = await Promise.allSettled([1, 2, 3].map((n) => producer.send(numbered(topic, n))));
    for (const send of sends)
      expect(send).toMatchObject({ status: 'rejected', reason: { code: 'DITS_KAFKA_FAULT' } });
    expect(producer.healthy).toBe(false);
    line.mend();
    await until('healthy though nobody sends', () => producer.healthy);
    await producer.send(numbered(topic, 4));
    const seen = await readAll(topic);
    await until('the last one', () => seen.includes(4));
    expect(seen.filter((n) => n === 0 || n === 4)).toEqual([0, 4]);
  });

  it('connects by itself later when it could not at first', async () => {
    const topic = await aTopic();
    const line = new Line();
    line.cut();
    const producer = new BatchingProducer({ kafka: testKafka({ line }), log: keptLog(), deadlineMs: 1000 });
    open.push(producer);
    await expect(producer.connect()).rejects.toThrow(KafkaFault);
    line.mend();
    await until('healthy', () => producer.healthy);
    await producer.send(numbered(topic, 1));
  });

  it('rejects only the record that is too large for the broker', async () => {
    const topic = await aTopic({ config: { 'max.message.bytes': '50000' } });
    const producer = await aProducer();
    const large = { topic, key: 'k', value: randomBytes(60_000) };
    const sends = [1, 2, 3, 4].map((n) => producer.send(numbered(topic, n)));
    const tooLarge = producer.send(large);
    sends.push(producer.send(numbered(topic, 5)));
    await expect(tooLarge).rejects.toThrow(/too large for the broker/);
    await Promise.all(sends);
    const seen = await readAll(topic);
    await until('the others', () => seen.length >= 5);
    expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  it('lets the records of other topics go when one topic is unknown', async () => {
    const topic = await aTopic();
    const producer = await aProducer();
    const unknown = producer.send(numbered(`${topic}-unknown`, 1));
    const sends = [1, 2].map((n) => producer.send(numbered(topic, n)));
    await expect(unknown).rejects.toThrow(KafkaFault);
    await Promise.all(sends);
    await producer.send(numbered(topic, 3));
    expect(producer.healthy).toBe(true);
    const seen = await readAll(topic);
    await until('the others', () => seen.length >= 3);
  });

  it('refuses more than its queue may hold', async () => {
    const topic = await aTopic();
    const producer = await aProducer({ maxQueuedBytes: 10_000 });
    const sends = Array.from({ length: 100 }, () =>
      producer.send({ topic, key: 'k', value: Buffer.alloc(1000) }),
    );
    const results = await Promise.allSettled(sends);
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(80);
    expect(refused[0]).toMatchObject({ reason: { message: expect.stringContaining('queue full') } });
    await producer.send(numbered(topic, 1));
  });

  it('sends what waits when it closes, and nothing later', async () => {
    const topic = await aTopic();
    const producer = await aProducer();
    const sends = Array.from({ length: 3000 }, (_, n) => producer.send(numbered(topic, n)));
    await producer.close();
    await Promise.all(sends);
    await expect(producer.send(numbered(topic, 1))).rejects.toThrow('closed');
  });

  it('compresses a large request and not a small one, and every consumer reads both', async () => {
    const topic = await aTopic();
    const producer = await aProducer();
    const compress = jest.spyOn(zstdCodec, 'compress');
    const decompress = jest.spyOn(zstdCodec, 'decompress');
    const values = Array.from(
      { length: 200 },
      (_, n) => `{"body":"${'a text that repeats '.repeat(20)}","n":${n}}`,
    );
    await producer.send({ topic, key: 'k', value: Buffer.from('small') });
    expect(compress).not.toHaveBeenCalled();
    await producer.sendAll(values.map((value) => ({ topic, key: 'k', value: Buffer.from(value) })));
    expect(compress).toHaveBeenCalledTimes(1);
    expect(((await compress.mock.results[0]!.value) as Buffer).length).toBeLessThan(
      values.join('').length / 10,
    );

    const read: string[] = [];
    const consumer = await startBatchConsumer({
      kafka: testKafka(),
      log: keptLog(),
      groupId: `${topic}-g`,
      topics: [topic],
      handle: async (batch) => void read.push(...batch.map(({ value }) => String(value))),
    });
    open.push({ close: () => consumer.stop() });
    await until('all', () => read.length === 201);
    expect(read).toEqual(['small', ...values]);
    expect(decompress).toHaveBeenCalledTimes(1);
  });

  it('leaves small batches of a large request as they are', async () => {
    const topic = await aTopic({ partitions: 6 });
    const producer = await aProducer();
    const compress = jest.spyOn(zstdCodec, 'compress');
    // Some 2 KiB for each partition.
    const keys = Array.from({ length: 60 }, (_, n) => `key ${n}`);
    await producer.sendAll(keys.map((key) => ({ topic, key, value: Buffer.alloc(200, 'x') })));
    expect(compress).not.toHaveBeenCalled();
    expect(await readAllOf(topic, 60)).toHaveLength(60);
  });

  it('has the records of an unordered topic go to one partition, request by request to another', async () => {
    const [topic, ordered] = [await aTopic({ partitions: 3 }), await aTopic({ partitions: 3 })];
    const producer = await aProducer({ unordered: [topic] });
    for (let request = 0; request < 6; request++) {
      const of = (topic: string) =>
        Array.from({ length: 20 }, (_, n) => ({
          topic,
          key: `${request}/${n}`,
          value: Buffer.from(`${request}`),
        }));
      await producer.sendAll([...of(topic), ...of(ordered)]);
    }
    const partitionsOf = (records: IncomingRecord[], request: number) =>
      new Set(
        records.filter(({ value }) => String(value) === `${request}`).map(({ partition }) => partition),
      );
    const together = await readAllOf(topic, 120);
    const places = [0, 1, 2, 3, 4, 5].map((request) => [...partitionsOf(together, request)]);
    expect(places.every(({ length }) => length === 1)).toBe(true);
    expect(new Set(places.slice(0, 3).flat())).toEqual(new Set([0, 1, 2]));
    expect(places.slice(3)).toEqual(places.slice(0, 3));
    expect(partitionsOf(await readAllOf(ordered, 120), 0).size).toBe(3);
  });

  it('writes tombstones, headers and times as given', async () => {
    const topic = await aTopic();
    const producer = await aProducer({ compression: 'none' });
    await producer.sendAll([
      { topic, key: 'a', value: null, headers: { h: 'text', b: Buffer.from([0xff]) }, timestampMs: 1234 },
      { topic, key: null, value: Buffer.from('x') },
    ]);
    const records: unknown[] = [];
    const consumer = await startBatchConsumer({
      kafka: testKafka(),
      log: keptLog(),
      groupId: `${topic}-g`,
      topics: [topic],
      handle: async (batch) => void records.push(...batch),
    });
    open.push({ close: () => consumer.stop() });
    await until('both', () => records.length === 2);
    expect(records[0]).toMatchObject({
      key: Buffer.from('a'),
      value: null,
      timestampMs: 1234,
      headers: { h: Buffer.from('text'), b: Buffer.from([0xff]) },
    });
    expect(records[1]).toMatchObject({ key: null, value: Buffer.from('x'), headers: {} });
  });
});
