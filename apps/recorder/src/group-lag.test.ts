import { stageGroups, topicNames } from '@dits/contracts';
import { parseTiers } from '@dits/domain';
import { metricsRegistry } from '@dits/runtime';
import { describe, expect, it } from '@jest/globals';
import { watchGroupLag, type GroupLagDeps } from './group-lag.js';

/** Looks once, with a Kafka that gives these answers by group, and returns what a scrape has then. */
async function lookOnce(lag: GroupLagDeps['lag']) {
  const warnings: string[] = [];
  const watch = watchGroupLag({
    lag,
    topics: topicNames('blue.'),
    groups: stageGroups('blue.'),
    tiers: parseTiers('15s,1m'),
    prefix: 'blue.',
    log: { warn: (_facts: unknown, message?: string) => void warnings.push(message ?? '') },
    everyMs: 3_600_000,
  });
  await watch.stop();
  const values = async (name: string) =>
    (await metricsRegistry.getSingleMetricAsString(name)).split('\n').filter((line) => !line.startsWith('#'));
  return {
    warnings,
    lag: await values('dits_group_lag_records'),
    waiting: await values('dits_retries_waiting'),
  };
}

describe('watchGroupLag', () => {
  it('tells what each stage has before it, by group and topic without the prefix', async () => {
    const { lag, waiting } = await lookOnce(async (groupId, topics) => {
      expect(groupId).toMatch(/^blue\.dits-/);
      return new Map(topics.map((topic) => [topic, topic.length + groupId.length]));
    });
    expect(lag).toEqual([
      'dits_group_lag_records{group="dits-router",topic="dits.events"} 32',
      'dits_group_lag_records{group="dits-dispatcher",topic="dits.deliveries"} 40',
      'dits_group_lag_records{group="dits-recorder",topic="dits.events"} 34',
      'dits_group_lag_records{group="dits-recorder",topic="dits.delivery-log"} 40',
    ]);
    expect(waiting).toEqual(['dits_retries_waiting{tier="15s"} 47', 'dits_retries_waiting{tier="1m"} 46']);
  });

  it('has no values, rather than old ones, when Kafka does not answer', async () => {
    await lookOnce(async (_groupId, topics) => new Map(topics.map((topic) => [topic, 1])));
    const { lag, waiting, warnings } = await lookOnce(() => Promise.reject(new Error('away')));
    expect({ lag, waiting, warnings }).toEqual({ lag: [], waiting: [], warnings: ['groups.lag_unknown'] });
  });
});
