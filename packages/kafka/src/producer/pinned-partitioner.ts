import kafkajs, { type ICustomPartitioner } from 'kafkajs';

/**
 * Kafka's default partitioning (murmur2 of the key, as the Java client), decided once per record.
 *
 * kafkajs partitions again at each retry. A record without a key, or a topic that grew, would land elsewhere while the
 * sequence numbers are used again: the broker would take another record for the repeat of this one and drop it.
 */
export const pinnedPartitioner: ICustomPartitioner = () => {
  const partitionOf = kafkajs.Partitioners.DefaultPartitioner();
  return (args) => (args.message.partition ??= partitionOf(args));
};
