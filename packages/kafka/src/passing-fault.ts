import kafkajs from 'kafkajs';

/** Whether the broker itself says that another try may do: a leader, a coordinator or a controller is being elected. */
export function isPassing(error: unknown): boolean {
  return error instanceof kafkajs.KafkaJSProtocolError && error.retriable;
}

/** The same of what kafkajs has tried several times already. */
export function isPassingStill(error: unknown): boolean {
  return isPassing(error instanceof kafkajs.KafkaJSNumberOfRetriesExceeded ? error.cause : error);
}
