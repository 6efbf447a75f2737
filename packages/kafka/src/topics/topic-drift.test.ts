import { describe, expect, it } from '@jest/globals';
import { topicNames } from '@dits/contracts';
import { topicDrift } from './topic-drift.js';
import { readTopicsFile } from './topics-file.js';

const desired = { name: 't', partitions: 6, replication: 3, config: { 'retention.ms': '1000' } };
const actual = { partitions: 6, replication: 3, config: { 'retention.ms': '1000' } };

describe('topicDrift', () => {
  it('finds none where there is none', () => {
    expect(topicDrift(desired, actual)).toMatchObject({ create: false, possible: [], impossible: [] });
  });

  it('creates what is missing', () => {
    expect(topicDrift(desired, undefined)).toMatchObject({ create: true, possible: ['t: is missing'] });
  });

  it('grows partitions and never takes any away', () => {
    expect(topicDrift(desired, { ...actual, partitions: 2 })).toMatchObject({ grow: 6, impossible: [] });
    const larger = topicDrift(desired, { ...actual, partitions: 9 });
    expect(larger).toMatchObject({ grow: null, possible: [] });
    expect(larger.impossible).toHaveLength(1);
  });

  it('reports another replication as something it cannot do', () => {
    expect(topicDrift(desired, { ...actual, replication: 1 }).impossible[0]).toMatch(
      /replication 1, should have 3/,
    );
  });

  it('finds settings that differ, are missing, or were set by hand', () => {
    const found = topicDrift(
      { ...desired, config: { a: '1', b: '2' } },
      { ...actual, config: { a: '9', c: '3' } },
    );
    expect(found.reconfigure).toBe(true);
    expect(found.possible).toEqual([
      't: a is 9, should be 1',
      't: b is not set, should be 2',
      't: c is 3, should be not set',
    ]);
  });
});

describe('infra/kafka/topics.yaml', () => {
  it('has every topic the services use, and no other', () => {
    const names = topicNames('p.');
    const tiers = ['15s', '1m', '4m', '15m', '1h', '4h', '17h'].map(names.retry);
    const { events, webhooks, deliveries, redeliveries, deliveryLog, deadLetters } = names;
    const used = [events, webhooks, deliveries, redeliveries, deliveryLog, deadLetters, ...tiers].sort();
    expect(
      readTopicsFile({ prefix: 'p.' })
        .map(({ name }) => name)
        .sort(),
    ).toEqual(used);
  });

  it('lowers min.insync.replicas with the replication', () => {
    for (const topic of readTopicsFile({ replication: 1 })) {
      expect(topic.replication).toBe(1);
      expect(topic.config['min.insync.replicas']).toBe('1');
    }
    expect(readTopicsFile({})[0]!.config['min.insync.replicas']).toBe('2');
  });
});
