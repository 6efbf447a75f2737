import kafkajs, { type LogEntry } from 'kafkajs';
import type { Log } from './log.js';

// What these parts of kafkajs call errors is retried by them, and a failure that lasts is logged once by the piece
// above (a failed send, a lost membership). At their own level a broker's restart would print hundreds of lines.
const RETRYING = new Set([
  'Connection',
  'BrokerPool',
  'Cluster',
  'Producer',
  'Consumer',
  'Runner',
  'ConsumerGroup',
]);

/** Maps kafkajs's log lines onto a {@link Log}; its errors become warnings, its chatter debug. */
export function kafkaLogCreator(log: Log): () => (entry: LogEntry) => void {
  return () =>
    ({ namespace, level, log: { message, timestamp: _timestamp, logger: _logger, ...fields } }) => {
      const line = { ...fields, part: namespace };
      if (level <= kafkajs.logLevel.WARN && !RETRYING.has(namespace)) log.warn(line, `kafkajs: ${message}`);
      else log.debug(line, `kafkajs: ${message}`);
    };
}
