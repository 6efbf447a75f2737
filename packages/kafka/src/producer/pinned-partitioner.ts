import kafkajs, { type ICustomPartitioner, type Message } from 'kafkajs';

/** A message that may say to go where others of the same number go. */
export interface PinnableMessage extends Message {
  together?: number;
}

/**
 * Kafka's default partitioning (murmur2 of the key, as the Java client), decided once per record; the same partition for all messages
 * with the same `together`.
 *
 * kafkajs partitions again at each retry. A record without a key, or a topic that grew, would land elsewhere while the
 * sequence numbers are used again: the broker would take another record for the repeat of this one and drop it.
 */
export const pinnedPartitioner: ICustomPartitioner = () => {
  const partitionOf = kafkajs.Partitioners.DefaultPartitioner();
  return (args) => {
    const { partitionMetadata, message } = args;
    const { together }: PinnableMessage = message;
    return (message.partition ??=
      together === undefined
        ? partitionOf(args)
        : partitionMetadata[together % partitionMetadata.length]!.partitionId);
  };
};
