import type { ConsumerHealth, RunningConsumer } from '@dits/kafka';
import { describe, expect, it } from '@jest/globals';
import { exposeConsumers } from './consumer-metrics.js';
import { metricsRegistry } from './metrics.js';

const NOW_MS = 100_000;

function aPartition(o: Partial<ConsumerHealth['partitions'][number]> = {}) {
  const nothing = { position: 0n, committed: null, unfinishedSinceMs: null, completed: 0n, rests: null };
  return { topic: 'blue.a', partition: 0, ...nothing, ...o };
}

/** The lines about `name` of a scrape, for a consumer of the group `blue.g`. */
function scrape(health: Partial<ConsumerHealth>) {
  const whole = { joined: true, faultSinceMs: null, held: 0, heldBytes: 0, partitions: [], ...health };
  const consumer: RunningConsumer = { health: () => whole, stop: async () => {} };
  const consumers = new Map([['blue.g', consumer]]);
  exposeConsumers({ consumers, prefix: 'blue.', now: () => NOW_MS });
  return {
    whole,
    lines: async (name: string) =>
      (await metricsRegistry.getSingleMetricAsString(name))
        .split('\n')
        .filter((line) => !line.startsWith('#')),
  };
}

describe('exposeConsumers', () => {
  it('tells what is held, without the prefix of the installation', async () => {
    const { lines } = scrape({ held: 4, heldBytes: 99 });
    expect(await lines('dits_consumer_held_records')).toEqual(['dits_consumer_held_records{group="g"} 4']);
    expect(await lines('dits_consumer_held_bytes')).toEqual(['dits_consumer_held_bytes{group="g"} 99']);
  });

  it('tells the age of the oldest unfinished record of each topic, and 0 where all are done', async () => {
    const { lines } = scrape({
      partitions: [
        aPartition({ unfinishedSinceMs: 90_000 }),
        aPartition({ partition: 1, unfinishedSinceMs: 70_000 }),
        aPartition({ topic: 'blue.b' }),
      ],
    });
    expect(await lines('dits_consumer_position_age_seconds')).toEqual([
      'dits_consumer_position_age_seconds{group="g",topic="a"} 30',
      'dits_consumer_position_age_seconds{group="g",topic="b"} 0',
    ]);
  });

  it('forgets the age of a topic whose partitions went to another process', async () => {
    const { whole, lines } = scrape({ partitions: [aPartition({ unfinishedSinceMs: 1 })] });
    expect(await lines('dits_consumer_position_age_seconds')).toHaveLength(1);
    whole.partitions = [];
    expect(await lines('dits_consumer_position_age_seconds')).toEqual([]);
  });

  it('tells since when it does not work, and has no partitions while it is out of its group', async () => {
    const { whole, lines } = scrape({
      faultSinceMs: NOW_MS - 5_000,
      joined: false,
      partitions: [aPartition()],
    });
    expect(await lines('dits_consumer_fault_seconds')).toEqual(['dits_consumer_fault_seconds{group="g"} 5']);
    expect(await lines('dits_consumer_partitions')).toEqual(['dits_consumer_partitions{group="g"} 0']);
    Object.assign(whole, { faultSinceMs: null, joined: true });
    expect(await lines('dits_consumer_fault_seconds')).toEqual(['dits_consumer_fault_seconds{group="g"} 0']);
    expect(await lines('dits_consumer_partitions')).toEqual(['dits_consumer_partitions{group="g"} 1']);
  });
});
