import { expect, it } from '@jest/globals';
import { pinnedPartitioner, type PinnableMessage } from './pinned-partitioner.js';

const metadata = (partitions: number) =>
  Array.from({ length: partitions }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));

it('sends a record without a key to the same partition when it is tried again', () => {
  const partitionOf = pinnedPartitioner();
  for (let i = 0; i < 20; i++) {
    const message = { key: null, value: Buffer.from('x') };
    const first = partitionOf({ topic: 't', partitionMetadata: metadata(6), message });
    expect(partitionOf({ topic: 't', partitionMetadata: metadata(12), message })).toBe(first);
  }
});

it('sends a key where the Java client does', () => {
  const partitionOf = pinnedPartitioner();
  // org.apache.kafka.common.utils.Utils.toPositive(Utils.murmur2("21")) is 973932308 & 0x7fffffff.
  const message = { key: Buffer.from('21'), value: null };
  expect(partitionOf({ topic: 't', partitionMetadata: metadata(1000), message })).toBe(
    (-973932308 & 0x7fffffff) % 1000,
  );
});

it('sends messages that go together to one partition, the next ones to the next, also when they are tried again', () => {
  const partitionOf = pinnedPartitioner();
  const placesOf = (together: number, partitions: number): number[] =>
    ['a', 'b', 'c', 'd'].map((key) => {
      const message: PinnableMessage = { key, value: Buffer.from('x'), together };
      const first = partitionOf({ topic: 't', partitionMetadata: metadata(partitions), message });
      expect(partitionOf({ topic: 't', partitionMetadata: metadata(partitions + 1), message })).toBe(first);
      return first;
    });
  expect([7, 8, 9].map((together) => placesOf(together, 3))).toEqual([
    [1, 1, 1, 1],
    [2, 2, 2, 2],
    [0, 0, 0, 0],
  ]);
});
