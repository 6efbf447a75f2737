import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { KafkaConnection } from '../connection.js';
import { keptLog } from '../testing/kept-log.js';
import { BatchingProducer } from './batching-producer.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A producer whose requests are kept: the number of records of each. */
async function aProducer(lingerMs: number, crowdLingerMs = 0) {
  const requests: number[] = [];
  const client = {
    connect: async () => {},
    disconnect: async () => {},
    sendBatch: async ({ topicMessages }: { topicMessages: { messages: object[] }[] }) =>
      void requests.push(topicMessages.flatMap(({ messages }) => messages).length),
  };
  const kafka = { newClient: () => ({ producer: () => client }) } as unknown as KafkaConnection;
  const producer = new BatchingProducer({
    kafka,
    log: keptLog(),
    lingerMs,
    crowdLingerMs,
    maxBatchRecords: 50,
  });
  await producer.connect();
  const send = () => producer.send({ topic: 't', key: 'k', value: Buffer.from('x') });
  return { producer, requests, send };
}

it('has the records that come within the linger time share a request', async () => {
  const { requests, send } = await aProducer(10);
  const sends = [];
  for (let n = 0; n < 9; n++) {
    sends.push(send());
    await jest.advanceTimersByTimeAsync(1);
  }
  expect(requests).toEqual([]);
  await jest.advanceTimersByTimeAsync(1);
  await Promise.all(sends);
  expect(requests).toEqual([9]);
});

it('does not wait when a request is full', async () => {
  const { requests, send } = await aProducer(10);
  await Promise.all(Array.from({ length: 50 }, send));
  expect(requests).toEqual([50]);
});

it('does not wait when it closes', async () => {
  const { producer, requests, send } = await aProducer(60_000);
  const sent = send();
  await producer.close();
  await sent;
  expect(requests).toEqual([1]);
});

it('sends a lone record at once when it has no linger time', async () => {
  const { requests, send } = await aProducer(0);
  await send();
  expect(requests).toEqual([1]);
});

it('waits for a crowd only after a crowd', async () => {
  const { requests, send } = await aProducer(0, 4);
  await send();
  await Promise.all([send(), send()]);
  const late = [send()];
  await jest.advanceTimersByTimeAsync(3);
  late.push(send());
  expect(requests).toEqual([1, 2]);
  await jest.advanceTimersByTimeAsync(1);
  await Promise.all(late);
  expect(requests).toEqual([1, 2, 2]);
});
