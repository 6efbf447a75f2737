import { expect, it } from '@jest/globals';
import { pinnedPartitioner } from './pinned-partitioner.js';

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
