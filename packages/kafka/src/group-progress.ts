import type { KafkaConnection } from './connection.js';
import { OffsetQueries } from './offset-queries.js';

/** A place in a partition: everything below `offset` is before it. */
export interface Place {
  topic: string;
  partition: number;
  offset: bigint;
}

/** Tells how far consumer groups have come, also those of other processes. Every method throws `KafkaFault`. */
export class GroupProgress {
  private readonly offsets: OffsetQueries;

  constructor(kafka: KafkaConnection) {
    this.offsets = new OffsetQueries(kafka);
  }

  /** The ends of all partitions of a topic, now. */
  async ends(topic: string): Promise<Place[]> {
    const ends = await this.offsets.ends(topic);
    return ends.map(({ partition, offset }) => ({ topic, partition, offset }));
  }

  /** Where the records of that time or later begin, ms since 1970. */
  async startOf(topic: string, timestampMs: number): Promise<Place[]> {
    const places = await this.offsets.atTime(topic, timestampMs);
    return places.map(({ partition, offset }) => ({ topic, partition, offset }));
  }

  /** Whether a topic still has every record of that time or later, as far as its start tells. */
  async reachesBackTo(topic: string, timestampMs: number): Promise<boolean> {
    const [places, bounds] = await Promise.all([
      this.offsets.atTime(topic, timestampMs),
      this.offsets.bounds(topic),
    ]);
    const lowOf = new Map(bounds.map(({ partition, low }) => [partition, low]));
    return places.every(({ partition, offset }) => {
      const low = lowOf.get(partition) ?? 0n;
      return low === 0n || offset > low;
    });
  }

  /** Whether a group has committed everything before the places. Records that are no longer there count as passed. */
  async hasPassed(groupId: string, places: Place[]): Promise<boolean> {
    const topics = [...new Set(places.map(({ topic }) => topic))];
    const [committed, bounds] = await Promise.all([
      this.offsets.committed(groupId, topics),
      Promise.all(topics.map(async (topic) => [topic, await this.offsets.bounds(topic)] as const)),
    ]);
    const lowOf = new Map(
      bounds.flatMap(([topic, ofTopic]) =>
        ofTopic.map(({ partition, low }) => [`${topic}/${partition}`, low] as const),
      ),
    );
    return places.every(({ topic, partition, offset }) => {
      const reached = committed.get(topic)?.get(partition) ?? 0n;
      return offset <= reached || offset <= (lowOf.get(`${topic}/${partition}`) ?? 0n);
    });
  }

  /** Records of each topic that a group has not committed, over all partitions; those no longer there count for nothing. */
  async lag(groupId: string, topics: string[]): Promise<Map<string, number>> {
    const committed = await this.offsets.committed(groupId, topics);
    const lagOf = async (topic: string): Promise<[string, number]> => {
      let lag = 0n;
      for (const { partition, low, high } of await this.offsets.bounds(topic)) {
        const reached = committed.get(topic)?.get(partition) ?? 0n;
        const from = reached > low ? reached : low;
        if (high > from) lag += high - from;
      }
      return [topic, Number(lag)];
    };
    return new Map(await Promise.all(topics.map(lagOf)));
  }

  async close(): Promise<void> {
    await this.offsets.close();
  }
}
