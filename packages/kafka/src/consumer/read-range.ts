import type { KafkaConnection } from '../connection.js';
import { sleep } from '../backoff.js';
import type { Log } from '../log.js';
import { OffsetQueries } from '../offset-queries.js';
import type { IncomingRecord } from '../records.js';
import { partitionKey } from './assigned-partition.js';
import { startBatchConsumer } from './batch-consumer.js';

/** How far a {@link readRange} has come, in records of all partitions. */
export interface RangeProgress {
  done: number;
  total: number;
}

/** Options of {@link readRange}. */
export interface ReadRangeOptions {
  kafka: KafkaConnection;
  log: Log;
  /** A group of this reading's own. One that was broken off goes on where it was; it is forgotten when all is read. */
  groupId: string;
  topics: string[];
  /** Leaves out the records before the first one of that time, ms since 1970. Default: reads from the start. */
  sinceMs?: number;
  /** Default 500. */
  maxBatchRecords?: number;
  /** Takes a batch; one that rejects comes again. */
  handle(batch: IncomingRecord[]): Promise<void>;
  /** Called about twice a second. */
  onProgress?(progress: RangeProgress): void;
  /** Ends the reading early; what was handled is then known to the group. */
  signal?: AbortSignal;
}

const LOOK_EVERY_MS = 100;

/**
 * Reads topics up to the ends that they have at the call. Resolves when all of it is handled, or the signal aborts. Throws
 * `KafkaFault` when Kafka does not tell its offsets; once it reads, it tries again by itself.
 */
export async function readRange(options: ReadRangeOptions): Promise<void> {
  const { kafka, log, groupId, topics, sinceMs, signal, maxBatchRecords } = options;
  const offsets = new OffsetQueries(kafka);
  try {
    const ends = new Map<string, { low: bigint; high: bigint }>();
    for (const topic of topics) {
      for (const { partition, low, high } of await offsets.bounds(topic))
        ends.set(partitionKey(topic, partition), { low, high });
    }
    if (sinceMs !== undefined) await beginAt(sinceMs, { offsets, groupId, topics });
    const consumer = await startBatchConsumer({
      kafka,
      log,
      groupId,
      topics,
      ...(maxBatchRecords !== undefined && { maxBatchRecords }),
      handle: (batch) => options.handle(batch),
    });
    let isWhole = false;
    try {
      for (let looks = 0; !isWhole && signal?.aborted !== true; looks++) {
        await sleep(LOOK_EVERY_MS, signal);
        const { joined, held, partitions } = consumer.health();
        const positions = new Map(
          partitions.map((p) => [partitionKey(p.topic, p.partition), p.position] as const),
        );
        let [left, total] = [0n, 0n];
        for (const [key, { low, high }] of ends) {
          const position = positions.get(key) ?? low;
          total += high - low;
          left += position < high ? high - position : 0n;
        }
        isWhole = joined && held === 0 && left === 0n && positions.size === ends.size;
        if (isWhole || looks % 5 === 0)
          options.onProgress?.({ done: Math.max(0, Number(total - left) - held), total: Number(total) });
      }
    } finally {
      await consumer.stop();
    }
    if (isWhole) await offsets.forgetGroup(groupId);
  } finally {
    await offsets.close();
  }
}

/** Sets the group's start, unless it has one already. */
async function beginAt(
  sinceMs: number,
  o: { offsets: OffsetQueries; groupId: string; topics: string[] },
): Promise<void> {
  const committed = await o.offsets.committed(o.groupId, o.topics);
  for (const topic of o.topics) {
    const known = committed.get(topic);
    if (known && known.size > 0) continue;
    await o.offsets.setStart(o.groupId, topic, await o.offsets.atTime(topic, sinceMs));
  }
}
