import { KafkaFault } from '@dits/contracts';
import type { Admin } from 'kafkajs';
import { Backoff, settledWithin, sleep } from './backoff.js';
import type { KafkaConnection } from './connection.js';
import { errorText } from './error-text.js';
import { isPassing } from './passing-fault.js';

// The protocol's word for the end of a partition. Our kafkajs asks nothing else then.
const LATEST = -1;

// A partition that was added is noticed within it; a leader that has moved, at the first failure.
const METADATA_MAX_AGE_MS = 10_000;

// A leader or a coordinator that has just moved, about a second; kafkajs's admin gives up at once.
const MAX_ATTEMPTS = 4;

/** First and next-to-be-written offset of a partition. */
export interface PartitionBounds {
  partition: number;
  low: bigint;
  high: bigint;
}

/** Asks brokers for offsets. Connects when first used and anew after a failure; never once it is closed. */
export class OffsetQueries {
  private admin: Promise<Admin> | null = null;
  private isClosed = false;

  constructor(private readonly kafka: KafkaConnection) {}

  /** Bounds of every partition of a topic, about 2 ms. Throws {@link KafkaFault}. */
  async bounds(topic: string): Promise<PartitionBounds[]> {
    const offsets = await this.ask(`offsets of ${topic}`, (admin) => admin.fetchTopicOffsets(topic));
    return offsets.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }));
  }

  /** The next offset to be written of every partition, by one request, about 1 ms. Throws {@link KafkaFault}. */
  async ends(topic: string): Promise<{ partition: number; offset: bigint }[]> {
    return this.atTime(topic, LATEST);
  }

  /** Of every partition, the offset of the first record of that time or later; its end when there is none. Throws {@link KafkaFault}. */
  async atTime(topic: string, timestampMs: number): Promise<{ partition: number; offset: bigint }[]> {
    const offsets = await this.ask(`offsets of ${topic}`, (admin) =>
      admin.fetchTopicOffsetsByTimestamp(topic, timestampMs),
    );
    return offsets.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }));
  }

  /** Sets where a group without members begins. Throws {@link KafkaFault}. */
  async setStart(
    groupId: string,
    topic: string,
    partitions: { partition: number; offset: bigint }[],
  ): Promise<void> {
    await this.ask(`start of ${groupId}`, (admin) =>
      admin.setOffsets({
        groupId,
        topic,
        partitions: partitions.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
      }),
    );
  }

  /** Forgets a group without members. Throws {@link KafkaFault}. */
  async forgetGroup(groupId: string): Promise<void> {
    await this.ask(`end of ${groupId}`, (admin) => admin.deleteGroups([groupId]));
  }

  /** Committed offsets of a group: topic to partition to offset. Throws {@link KafkaFault}. */
  async committed(groupId: string, topics: string[]): Promise<Map<string, Map<number, bigint>>> {
    const offsets = await this.ask(`committed offsets of ${groupId}`, (admin) =>
      admin.fetchOffsets({ groupId, topics }),
    );
    return new Map(
      offsets.map(({ topic, partitions }) => [
        topic,
        // Below zero: none was committed.
        new Map(
          partitions
            .map((p) => [p.partition, BigInt(p.offset)] as const)
            .filter(([, offset]) => offset >= 0n),
        ),
      ]),
    );
  }

  /** Ends the connection. Who asks from then on, also a second time, gets a {@link KafkaFault}. */
  async close(): Promise<void> {
    this.isClosed = true;
    const admin = this.admin;
    this.admin = null;
    if (admin)
      await settledWithin(
        admin.then((a) => a.disconnect()),
        2000,
      );
  }

  private async ask<T>(what: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    const backoff = new Backoff(100, 1000);
    for (let attempt = 1; ; attempt++) {
      if (this.isClosed) throw new KafkaFault(`the ${what} can not be asked for any more`);
      const admin = (this.admin ??= this.connect());
      try {
        return await question(await admin);
      } catch (cause) {
        this.renew(admin);
        if (attempt >= MAX_ATTEMPTS || !isPassing(cause))
          throw new KafkaFault(`Kafka did not tell the ${what}: ${errorText(cause)}`, { cause });
        await sleep(backoff.next());
      }
    }
  }

  /** A client that failed may hold on to a dead connection: the next question gets a new one. */
  private renew(failed: Promise<Admin>): void {
    // Of all the questions that it failed, one does it.
    if (this.admin !== failed) return;
    this.admin = null;
    void failed.then((admin) => admin.disconnect()).catch(() => undefined);
  }

  private async connect(): Promise<Admin> {
    const admin = this.kafka
      .newClient({ retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 2 }, requestTimeoutMs: 5000 })
      .admin({ metadataMaxAge: METADATA_MAX_AGE_MS });
    await admin.connect();
    return admin;
  }
}
