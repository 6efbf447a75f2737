import type { OutgoingRecord } from '@dits/kafka';
import { describe, expect, it } from '@jest/globals';
import { OutgoingChunk } from './outgoing-chunk.js';

const record = (bytes: number): OutgoingRecord => ({ topic: 't', key: null, value: Buffer.alloc(bytes) });

describe('OutgoingChunk', () => {
  it('sends when it is full, and what is left at the flush, in order', async () => {
    const sent: number[][] = [];
    const chunk = new OutgoingChunk(async (records) => {
      sent.push(records.map(({ value }) => value!.length));
    }, 10);
    for (const bytes of [4, 5, 6, 20, 1]) await chunk.add(record(bytes));
    await chunk.flush();
    await chunk.flush();
    expect(sent).toEqual([[4, 5, 6], [20], [1]]);
  });

  it('rejects with the fault of the send', async () => {
    const fault = new Error('no Kafka');
    const chunk = new OutgoingChunk(() => Promise.reject(fault), 10);
    await expect(chunk.add(record(10))).rejects.toBe(fault);
  });
});
