import type { RunningConsumer } from '@dits/kafka';
import { gauge } from './metrics.js';

/**
 * Gauges of the consumers of this process, read at each scrape. Groups and topics are named without the prefix, so that
 * dashboards and alerts are the same for every installation.
 */
export function exposeConsumers(o: {
  /** By group, with the prefix. */
  consumers: ReadonlyMap<string, RunningConsumer>;
  prefix: string;
  now: () => number;
}): void {
  const { prefix, now } = o;
  const consumers = () =>
    [...o.consumers].map(([groupId, consumer]) => ({
      group: bare(groupId, prefix),
      health: consumer.health(),
    }));

  gauge({
    name: 'dits_consumer_held_records',
    help: 'Records taken from Kafka and not yet completed.',
    labelNames: ['group'],
    collect: (held) => {
      for (const { group, health } of consumers()) held.set({ group }, health.held);
    },
  });
  gauge({
    name: 'dits_consumer_held_bytes',
    help: 'Bytes of the records taken from Kafka and not yet completed.',
    labelNames: ['group'],
    collect: (held) => {
      for (const { group, health } of consumers()) held.set({ group }, health.heldBytes);
    },
  });
  gauge({
    name: 'dits_consumer_partitions',
    help: 'Partitions that are assigned to this process; 0 while it is not in its group.',
    labelNames: ['group'],
    collect: (partitions) => {
      for (const { group, health } of consumers())
        partitions.set({ group }, health.joined ? health.partitions.length : 0);
    },
  });
  gauge({
    name: 'dits_consumer_fault_seconds',
    help: 'How long the consumer has not worked: Kafka, its group, or a handler that rejects. 0 when all is well.',
    labelNames: ['group'],
    collect: (fault) => {
      for (const { group, health } of consumers())
        fault.set(
          { group },
          health.faultSinceMs === null ? 0 : Math.max(0, now() - health.faultSinceMs) / 1000,
        );
    },
  });
  gauge({
    name: 'dits_consumer_position_age_seconds',
    help: 'Age of the oldest record that was taken and is not completed; 0 when there is none.',
    labelNames: ['group', 'topic'],
    collect: (age) => {
      // A topic of which no partition is left here must not keep its last age.
      age.reset();
      for (const { group, health } of consumers())
        for (const [topic, oldestMs] of oldestByTopic(health.partitions))
          age.set({ group, topic: bare(topic, prefix) }, (now() - Math.min(oldestMs, now())) / 1000);
    },
  });
}

function bare(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

function oldestByTopic(partitions: ReturnType<RunningConsumer['health']>['partitions']): Map<string, number> {
  const oldest = new Map<string, number>();
  for (const { topic, unfinishedSinceMs } of partitions)
    oldest.set(topic, Math.min(oldest.get(topic) ?? Infinity, unfinishedSinceMs ?? Infinity));
  return oldest;
}
