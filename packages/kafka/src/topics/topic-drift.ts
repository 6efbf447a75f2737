import type { DesiredTopic } from './topics-file.js';

/** One topic as the cluster has it. */
export interface ActualTopic {
  partitions: number;
  replication: number;
  /** What is set on the topic itself, without defaults. */
  config: Record<string, string>;
}

/** What must be done to a topic, and what nobody can do from here. */
export interface TopicDrift {
  create: boolean;
  /** New number of partitions. */
  grow: number | null;
  reconfigure: boolean;
  /** One line per difference, the possible ones first. */
  possible: string[];
  impossible: string[];
}

/** Compares a topic as it should be with the one that is; undefined when there is none. */
export function topicDrift(desired: DesiredTopic, actual: ActualTopic | undefined): TopicDrift {
  const { name, partitions, replication, config } = desired;
  if (!actual) {
    return {
      create: true,
      grow: null,
      reconfigure: false,
      possible: [`${name}: is missing`],
      impossible: [],
    };
  }
  const possible: string[] = [];
  const impossible: string[] = [];
  const grow = actual.partitions < partitions ? partitions : null;
  if (grow) possible.push(`${name}: has ${actual.partitions} partitions, should have ${partitions}`);
  if (actual.partitions > partitions) {
    impossible.push(
      `${name}: has ${actual.partitions} partitions, should have ${partitions}; they cannot be taken away`,
    );
  }
  if (actual.replication !== replication) {
    impossible.push(
      `${name}: has replication ${actual.replication}, should have ${replication}; reassign its partitions`,
    );
  }
  const keys = [...new Set([...Object.keys(config), ...Object.keys(actual.config)])].sort();
  const differing = keys.filter((key) => config[key] !== actual.config[key]);
  for (const key of differing) {
    possible.push(
      `${name}: ${key} is ${actual.config[key] ?? 'not set'}, should be ${config[key] ?? 'not set'}`,
    );
  }
  return { create: false, grow, reconfigure: differing.length > 0, possible, impossible };
}
