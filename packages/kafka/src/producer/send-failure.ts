/** Whose fault a failed request is: Kafka's as a whole, one topic's, or a record's that is too large. */
export type SendFailure = 'kafka' | 'topic' | 'too_large';

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
const OF_THE_TOPIC = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'LEADER_NOT_AVAILABLE',
]);

/** Reads the protocol error that kafkajs may have wrapped several times. */
export function failureOf(error: unknown): SendFailure {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { type, name } = e as Error & { type?: string };
    if (type !== undefined && TOO_LARGE.has(type)) return 'too_large';
    if (type !== undefined && OF_THE_TOPIC.has(type)) return 'topic';
    // The broker knows the cluster and has nothing to say about the topic.
    if (name === 'KafkaJSMetadataNotLoaded') return 'topic';
  }
  return 'kafka';
}
