import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SendQueue, outgoingBytes, type QueuedRecord } from './send-queue.js';

const aRecord = (bytes: number): QueuedRecord => ({
  record: { topic: 't', key: null, value: null },
  bytes,
  queuedAtMs: 0,
  settle: () => undefined,
});

describe('SendQueue', () => {
  it('gives requests within both limits, in order, and a larger record alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 150 })),
        fc.integer({ min: 1, max: 8 }),
        (sizes, most) => {
          const queue = new SendQueue(Infinity);
          const records = sizes.map(aRecord);
          for (const record of records) queue.add([record]);
          const sent: QueuedRecord[] = [];
          while (queue.length > 0) {
            const batch = queue.take({ records: most, bytes: 100 });
            expect(batch.length).toBeGreaterThan(0);
            expect(batch.length).toBeLessThanOrEqual(most);
            if (batch.length > 1)
              expect(batch.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(100);
            sent.push(...batch);
          }
          expect(sent).toEqual(records);
        },
      ),
    );
  });

  it('refuses all of what would pass its cap, and has room again when some was taken', () => {
    const queue = new SendQueue(100);
    expect(queue.add([aRecord(60)])).toBe(true);
    expect(queue.add([aRecord(20), aRecord(30)])).toBe(false);
    expect(queue.length).toBe(1);
    queue.take({ records: 1, bytes: 1 });
    expect(queue.add([aRecord(500)])).toBe(true);
  });
});

it('counts the bytes of key, value and headers', () => {
  const bare = outgoingBytes({ topic: 't', key: null, value: null });
  const full = outgoingBytes({
    topic: 't',
    key: 'é',
    value: Buffer.alloc(10),
    headers: { a: 'b', c: Buffer.alloc(3) },
  });
  expect(full - bare).toBeGreaterThanOrEqual(2 + 10 + 2 + 4);
});
