import { sleep } from '../backoff.js';
import type { KafkaConnection } from '../connection.js';
import { partitionKey } from '../consumer/assigned-partition.js';
import type { ConsumerHealth } from '../consumer/consumer-options.js';
import { errorText } from '../error-text.js';
import type { Log } from '../log.js';
import { OffsetQueries } from '../offset-queries.js';
import { isStalled, standstillAfter, type Standstill } from './standstill.js';

/** A partition that has stopped moving while records wait in it. */
export interface Stall {
  group: string;
  topic: string;
  partition: number;
  /** Since when it has not moved, ms since 1970. */
  sinceMs: number;
  /** Records that wait, the one it stands at among them. */
  behind: number;
}

/** Options of {@link StallWatch}. */
export interface StallWatchOptions {
  kafka: KafkaConnection;
  log: Log;
  now: () => number;
}

// As often as a person could notice; one question per topic, about 2 ms.
const LOOK_EVERY_MS = 10_000;
const LOOKS_PER_LIMIT = 4;

type Place = Pick<Stall, 'group' | 'topic' | 'partition'>;

/**
 * Compares what consumers have completed with the ends of their partitions, and names those that stand still while
 * records wait.
 *
 * A consumer that is out of its group, or knows its fault, is not judged: it says so itself. While Kafka does not tell
 * the ends nothing is judged either.
 */
export class StallWatch {
  private readonly consumers = new Map<string, () => ConsumerHealth>();
  private readonly offsets: OffsetQueries;
  private readonly stopping = new AbortController();
  private looking: Promise<void> = Promise.resolve();
  private standing = new Map<string, Place & { standstill: Standstill; behind: number }>();
  private known: Stall[] = [];

  constructor(private readonly options: StallWatchOptions) {
    this.offsets = new OffsetQueries(options.kafka);
  }

  /** Has a consumer looked at from now on. */
  watch(group: string, health: () => ConsumerHealth): void {
    this.consumers.set(group, health);
  }

  /** Groups that are looked at. */
  get groups(): Iterable<string> {
    return this.consumers.keys();
  }

  /** Begins to look; a partition is stalled when it has stood still for `limitMs`. */
  start(limitMs: number): void {
    const everyMs = Math.min(LOOK_EVERY_MS, limitMs / LOOKS_PER_LIMIT);
    this.looking = this.lookEvery(everyMs, limitMs);
  }

  /** Those that the last look has found. */
  get stalls(): readonly Stall[] {
    return this.known;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.looking;
    await this.offsets.close();
  }

  private async lookEvery(everyMs: number, limitMs: number): Promise<void> {
    const { signal } = this.stopping;
    for (;;) {
      await sleep(everyMs, signal);
      if (signal.aborted) return;
      try {
        await this.look({ limitMs, maxGapMs: everyMs * 3 });
      } catch (error) {
        this.options.log.debug({ error: errorText(error) }, 'kafka.stalls.not_looked');
      }
    }
  }

  private async look({ limitMs, maxGapMs }: { limitMs: number; maxGapMs: number }): Promise<void> {
    const ends = await this.ends();
    // Asked after the ends: what was completed meanwhile counts.
    const partitions = this.judged();
    const nowMs = this.options.now();
    const standing: typeof this.standing = new Map();
    for (const { group, topic, partition, completed, rests } of partitions) {
      const end = ends.get(partitionKey(topic, partition));
      if (end === undefined) continue;
      const key = `${group}/${partitionKey(topic, partition)}`;
      const before = this.standing.get(key)?.standstill ?? null;
      const facts = { completed, end, rests: rests !== null };
      const standstill = standstillAfter(before, facts, { nowMs, maxGapMs });
      if (standstill)
        standing.set(key, { group, topic, partition, standstill, behind: Number(end - completed) });
    }
    this.standing = standing;
    this.tell(
      [...standing.values()]
        .filter(({ standstill }) => isStalled(standstill, limitMs))
        .map(({ standstill, ...stall }) => ({ ...stall, sinceMs: standstill.sinceMs })),
    );
  }

  /** Every partition of the consumers that have no excuse. */
  private judged(): (Place & { completed: bigint; rests: string | null })[] {
    return [...this.consumers].flatMap(([group, health]) => {
      const { joined, faultSinceMs, partitions } = health();
      if (!joined || faultSinceMs !== null) return [];
      return partitions.flatMap(({ topic, partition, completed, rests }) =>
        completed === null ? [] : [{ group, topic, partition, completed, rests }],
      );
    });
  }

  private async ends(): Promise<Map<string, bigint>> {
    const topics = [...new Set(this.judged().map(({ topic }) => topic))];
    const bounds = await Promise.all(
      topics.map(async (topic) =>
        (await this.offsets.bounds(topic)).map(
          ({ partition, high }) => [partitionKey(topic, partition), high] as const,
        ),
      ),
    );
    return new Map(bounds.flat());
  }

  private tell(stalls: Stall[]): void {
    const { log } = this.options;
    const keyOf = ({ group, topic, partition }: Stall): string =>
      `${group}/${partitionKey(topic, partition)}`;
    const before = new Map(this.known.map((stall) => [keyOf(stall), stall]));
    for (const stall of stalls) {
      if (before.delete(keyOf(stall))) continue;
      const { sinceMs, ...facts } = stall;
      log.error({ ...facts, since: new Date(sinceMs).toISOString() }, 'kafka.consumer.stalled');
    }
    for (const { group, topic, partition } of before.values())
      log.info({ group, topic, partition }, 'kafka.consumer.stall_over');
    this.known = stalls;
  }
}
