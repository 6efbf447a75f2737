import type { StageGroups, TopicNames } from '@dits/contracts';
import type { Tier } from '@dits/domain';
import { gauge, type Logger } from '@dits/runtime';

/** What watching the groups needs. */
export interface GroupLagDeps {
  /** Records of each topic that the group has not committed. */
  lag: (groupId: string, topics: string[]) => Promise<Map<string, number>>;
  topics: TopicNames;
  groups: StageGroups;
  tiers: readonly Tier[];
  /** Put before every topic and group; the labels are without it. */
  prefix: string;
  log: Pick<Logger, 'warn'>;
  /** How long after one look the next begins. */
  everyMs: number;
}

/**
 * Keeps the gauges of how far the stages are behind, whether or not they run: asked of Kafka, now and from time to time,
 * until `stop`. While Kafka does not answer there are no values, rather than old ones.
 */
export function watchGroupLag(deps: GroupLagDeps): { stop(): Promise<void> } {
  const { lag, topics, groups, tiers, prefix, log, everyMs } = deps;
  const lagRecords = gauge({
    name: 'dits_group_lag_records',
    help: 'Records of a topic that a group has not completed, over all partitions and processes.',
    labelNames: ['group', 'topic'],
  });
  const retriesWaiting = gauge({
    name: 'dits_retries_waiting',
    help: 'Deliveries that wait on a retry tier.',
    labelNames: ['tier'],
  });
  const stages = [
    { group: groups.router, topics: [topics.events] },
    { group: groups.dispatcher, topics: [topics.deliveries] },
    { group: groups.recorder, topics: [topics.events, topics.deliveryLog] },
  ];
  const look = async (): Promise<void> => {
    for (const { group, topics: ofGroup } of stages) {
      for (const [topic, records] of await lag(group, ofGroup))
        lagRecords.set({ group: group.slice(prefix.length), topic: topic.slice(prefix.length) }, records);
    }
    const waiting = await lag(
      groups.retrier,
      tiers.map(({ name }) => topics.retry(name)),
    );
    for (const { name } of tiers) retriesWaiting.set({ tier: name }, waiting.get(topics.retry(name)) ?? 0);
  };

  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const run = async (): Promise<void> => {
    await look().catch((err: unknown) => {
      lagRecords.reset();
      retriesWaiting.reset();
      log.warn({ err }, 'groups.lag_unknown');
    });
    if (!stopped) timer = setTimeout(() => void (running = run()), everyMs);
  };
  let running = run();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
