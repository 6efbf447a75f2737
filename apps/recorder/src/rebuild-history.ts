import type { TopicNames } from '@dits/contracts';
import type { IncomingRecord } from '@dits/kafka';

/** What rebuilding needs. */
export interface RebuildDeps {
  topics: Pick<TopicNames, 'events' | 'deliveryLog' | 'deadLetters'>;
  /** Whether a topic still has everything of that time and later. */
  reachesBackTo: (topic: string, timestampMs: number) => Promise<boolean>;
  /** Empties the history of that day and all after it; returns the names of the partitions. */
  clearFrom: (day: Date) => Promise<string[]>;
  /** Reads topics up to their present ends. */
  read: (o: {
    topics: string[];
    sinceMs?: number;
    handle(batch: IncomingRecord[]): Promise<void>;
  }) => Promise<void>;
  record: (batch: IncomingRecord[]) => Promise<void>;
  recordDeadLetters: (batch: IncomingRecord[]) => Promise<void>;
  say: (facts: object, text: string) => void;
}

/** What to rebuild. */
export interface RebuildOrder {
  /** Only what was accepted on that day (UTC) or later; null: everything that the topics have. */
  since: Date | null;
  /** Empty those days first, but for the dead letters. Without it, what is missing is added, and nothing is taken away. */
  clear: boolean;
}

/** Something that the operator can mend. */
export class RebuildRefused extends Error {}

/**
 * Projects what the topics have into the history once more. What is there already stays as it is, so it may be broken off,
 * repeated, and run beside the recorders.
 *
 * Throws a {@link RebuildRefused} when clearing would take away more than the topics can bring back.
 */
export async function rebuildHistory({ since, clear }: RebuildOrder, deps: RebuildDeps): Promise<void> {
  const { topics, say } = deps;
  const sources = [topics.events, topics.deliveryLog, topics.deadLetters];
  if (clear && since) {
    for (const topic of [topics.events, topics.deliveryLog]) {
      if (await deps.reachesBackTo(topic, since.getTime())) continue;
      throw new RebuildRefused(
        `${topic} may have lost records of ${since.toISOString().slice(0, 10)} to its retention, so what is cleared could ` +
          'not be brought back. Take a later day, or leave out --clear.',
      );
    }
    const cleared = await deps.clearFrom(since);
    say({ cleared }, `emptied ${cleared.length} partitions`);
  }
  await deps.read({
    topics: sources,
    ...(since && { sinceMs: since.getTime() }),
    handle: async (batch) => {
      const letters = batch.filter(({ topic }) => topic === topics.deadLetters);
      const others = batch.filter(({ topic }) => topic !== topics.deadLetters);
      if (others.length > 0) await deps.record(others);
      if (letters.length > 0) await deps.recordDeadLetters(letters);
    },
  });
}
