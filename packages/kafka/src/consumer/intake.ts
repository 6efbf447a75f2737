import { Backoff, sleep } from '../backoff.js';
import type { KafkaConnection } from '../connection.js';
import { errorText } from '../error-text.js';
import { Faults } from '../faults.js';
import type { Log } from '../log.js';
import { OffsetQueries } from '../offset-queries.js';
import type { IncomingRecord } from '../records.js';
import { AssignedPartition, partitionKey } from './assigned-partition.js';
import { Committer } from './committer.js';
import type { ConsumerHealth } from './consumer-options.js';
import { HeldCaps, type CapOptions } from './held-caps.js';
import { GroupMember, type Assignment, type FetchedBatch, type GroupMemberUser } from './group-member.js';
import { recordBytes, toIncomingRecord } from './incoming-record.js';
import type { TakenOffset } from './offset-tracker.js';

/** A record that was taken and is not done with. */
export interface HeldRecord {
  readonly record: IncomingRecord;
  readonly partition: AssignedPartition;
  readonly bytes: number;
  /** Null for a record that counts for nothing (read back). */
  readonly taken: TakenOffset | null;
}

export interface IntakeOptions extends CapOptions {
  kafka: KafkaConnection;
  log: Log;
  groupId: (attempt: number) => string;
  topics: string[];
  lookbackRecords: number;
  minFetchBytes: number;
  maxFetchWaitMs: number;
  maxPauseMs: number;
  /** Without commits every first assignment starts from the beginning, and a later one where we were. */
  commits: boolean;
  now: () => number;
  /** Records were taken, in order within their partition. Synchronous: it only puts them somewhere. */
  onTaken(held: HeldRecord[]): void;
  /** A partition is over: what waits of it must be let go by `release`. */
  onOver(partition: AssignedPartition): void;
  /** A position moved, or bounds were learnt. */
  onProgress?(): void;
}

/**
 * Takes records from a group's partitions into memory, within the caps, and commits what was completed.
 *
 * Whoever handles the records must call `complete` for each, or `release` when it is abandoned.
 */
export class Intake implements GroupMemberUser {
  readonly faults: Faults;
  private readonly member: GroupMember;
  private readonly committer: Committer;
  private readonly offsets: OffsetQueries;
  private partitions = new Map<string, AssignedPartition>();
  /** Counts joins, so that what was asked for an older one is dropped. */
  private joins = 0;
  private inGroup = false;
  private taking = true;
  private readonly caps: HeldCaps;
  private readonly stopping = new AbortController();

  constructor(private readonly options: IntakeOptions) {
    const { kafka, log, groupId, topics, minFetchBytes, maxFetchWaitMs, maxPauseMs, now } = options;
    this.caps = new HeldCaps(options, () => this.partitions.size);
    this.faults = new Faults(now);
    // Until the first join.
    this.faults.set('group');
    this.member = new GroupMember({
      kafka,
      log,
      groupId,
      topics,
      minFetchBytes,
      maxFetchWaitMs,
      maxPauseMs,
      faults: this.faults,
      now,
      user: this,
    });
    this.committer = new Committer({
      log,
      faults: this.faults,
      member: this.member,
      partitions: () => (options.commits ? this.partitions.values() : []),
    });
    this.offsets = new OffsetQueries(kafka);
  }

  start(): void {
    this.member.start();
    if (this.options.commits) this.committer.start();
  }

  /** Takes nothing new from now on; stays in the group. */
  stopTaking(): void {
    this.taking = false;
    for (const partition of this.partitions.values()) this.pause(partition);
  }

  /** Commits, leaves the group. */
  async leave(): Promise<void> {
    this.stopTaking();
    this.stopping.abort();
    await this.committer.stop();
    await this.member.stop();
    await this.offsets.close();
  }

  /** The record is done with; its offset may be committed once those before it are. */
  complete(held: HeldRecord): void {
    if (held.taken) held.partition.complete(held.taken);
    this.release(held);
  }

  /** The record is no longer held. */
  release({ partition, bytes }: HeldRecord): void {
    this.caps.release(partition, bytes);
    if (!this.caps.reopen(partition)) return;
    if (partition.begun && !partition.over && this.taking) this.resume(partition);
  }

  /** How far each partition is completed: everything below `offset`. */
  completed(): { topic: string; partition: number; offset: bigint }[] {
    return [...this.partitions.values()]
      .filter(({ hasStarted }) => hasStarted)
      .map(({ topic, partition, committable }) => ({ topic, partition, offset: committable }));
  }

  health(): ConsumerHealth {
    const partitions = [...this.partitions.values()];
    return {
      joined: this.inGroup && partitions.every((partition) => partition.begun),
      faultSinceMs: this.faults.sinceMs,
      held: this.caps.held,
      heldBytes: this.caps.heldBytes,
      partitions: partitions.map((each) => {
        const { topic, partition, position, committed, unfinishedSinceMs, committable } = each;
        const completed = each.begun ? committable : null;
        return { topic, partition, position, committed, unfinishedSinceMs, completed, rests: null };
      }),
    };
  }

  onJoined(assignment: Assignment): void {
    const before = this.partitions;
    this.partitions = new Map();
    for (const [topic, numbers] of Object.entries(assignment)) {
      for (const number of numbers) {
        const key = partitionKey(topic, number);
        const partition = before.get(key) ?? new AssignedPartition(topic, number);
        before.delete(key);
        this.partitions.set(key, partition);
      }
      // What kafkajs would fetch before we know where to begin.
      this.member.pause(topic, numbers);
    }
    for (const partition of before.values()) this.end(partition);
    this.inGroup = true;
    void this.begin(++this.joins);
  }

  onRebalancing(): void {
    if (this.options.commits) void this.committer.commit();
  }

  onOut(): void {
    this.inGroup = false;
  }

  onGap({ topic, partition, firstOffset, lastOffset }: Parameters<GroupMemberUser['onGap']>[0]): void {
    const assigned = this.partitions.get(partitionKey(topic, partition));
    if (!assigned?.begun || firstOffset !== assigned.position) return;
    assigned.skipTo(lastOffset + 1n);
    this.options.onProgress?.();
  }

  onBatch(batch: FetchedBatch): number {
    const partition = this.partitions.get(partitionKey(batch.topic, batch.partition));
    if (!partition?.begun || !this.taking || partition.full) return 0;
    if (!this.continues(partition, batch)) return 0;
    const taken: HeldRecord[] = [];
    for (const message of batch.messages) {
      const bytes = recordBytes(message);
      if (!this.caps.hasRoom(partition, bytes)) break;
      const offset = BigInt(message.offset);
      const token = partition.take(offset, Number(message.timestamp));
      const record = toIncomingRecord(batch, message, { lookback: token === null && this.options.commits });
      taken.push({ record, partition, bytes, taken: token });
      this.caps.hold(partition, bytes);
    }
    // Offsets without records at the end of the fetch belong to it.
    if (taken.length === batch.messages.length) partition.skipTo(batch.lastOffset + 1n);
    else this.stopFetching(partition);
    batch.resolveUpTo(partition.position);
    if (taken.length > 0) this.options.onTaken(taken);
    this.options.onProgress?.();
    return taken.length;
  }

  /**
   * Whether a fetch follows on what was taken. A stray one (of an assignment before) must not be taken, or records
   * between would be lost: read again from our position. When that brings the same, it is the truth.
   */
  private continues(partition: AssignedPartition, { topic, fetchedOffset }: FetchedBatch): boolean {
    if (fetchedOffset === partition.position) return true;
    if (partition.doubtedPosition !== partition.position) {
      partition.doubtedPosition = partition.position;
      this.member.seek(topic, partition.partition, partition.position);
      return false;
    }
    const gap = {
      topic,
      partition: partition.partition,
      from: `${partition.position}`,
      to: `${fetchedOffset}`,
    };
    if (fetchedOffset > partition.position) {
      // Deleted by retention before we came, or compacted away.
      this.options.log.warn(gap, 'kafka.consumer.offsets_skipped');
      partition.skipTo(fetchedOffset);
      return true;
    }
    // The log is shorter than it was: the topic was made anew, or lost records.
    this.options.log.error(gap, 'kafka.consumer.log_truncated');
    const fresh = this.replace(partition);
    fresh.beginAt({ start: fetchedOffset, lookbackFrom: fetchedOffset, committed: null });
    this.begun(fresh);
    return false;
  }

  /** Finds out where each partition begins, then lets it be fetched. */
  private async begin(join: number): Promise<void> {
    for (const partition of this.partitions.values()) partition.begun = false;
    const backoff = new Backoff(100, 2000);
    while (this.joins === join && !this.stopping.signal.aborted) {
      try {
        const starts = await this.findStarts();
        if (this.joins !== join) return;
        for (const start of starts) start();
        this.faults.clear('start');
        this.options.onProgress?.();
        return;
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.faults.set('start');
        this.options.log.warn(
          { topics: this.options.topics, error: errorText(error) },
          'kafka.consumer.no_start',
        );
        await sleep(backoff.next(), this.stopping.signal);
      }
    }
  }

  private async findStarts(): Promise<(() => void)[]> {
    const partitions = [...this.partitions.values()];
    const topics = [...new Set(partitions.map(({ topic }) => topic))];
    const group = this.member.group;
    const committed = this.options.commits && group ? await this.offsets.committed(group, topics) : undefined;
    const bounds = new Map(
      await Promise.all(topics.map(async (topic) => [topic, await this.offsets.bounds(topic)] as const)),
    );
    return partitions.map((partition) => {
      const { topic, partition: number } = partition;
      const bound = bounds.get(topic)?.find((b) => b.partition === number);
      if (!bound) throw new Error(`${topic} has no partition ${number}`);
      const offset = committed?.get(topic)?.get(number) ?? null;
      return () => this.beginPartition(partition, { committed: offset, low: bound.low, high: bound.high });
    });
  }

  private beginPartition(
    known: AssignedPartition,
    { committed, low, high }: { committed: bigint | null; low: bigint; high: bigint },
  ): void {
    const furtherThanUs = committed !== null && committed > known.committable;
    if (known.hasStarted && !furtherThanUs && known.position <= high) {
      // Ours before the rebalance and after it: what is held goes on.
      known.committed = committed;
      return this.begun(known);
    }
    const partition = known.hasStarted ? this.replace(known) : known;
    const start = this.startWithin({ topic: known.topic, partition: known.partition, committed, low, high });
    const back = committed === null ? 0n : BigInt(this.options.lookbackRecords);
    const lookbackFrom = start - back > low ? start - back : low;
    partition.beginAt({ start, lookbackFrom: back > 0n ? lookbackFrom : start, committed });
    this.begun(partition);
  }

  /** Lets it be fetched from its position. */
  private begun(partition: AssignedPartition): void {
    partition.begun = true;
    this.member.seek(partition.topic, partition.partition, partition.position);
    if (!partition.full && this.taking) this.resume(partition);
  }

  /** A new one in the place of one that is over. */
  private replace(partition: AssignedPartition): AssignedPartition {
    this.end(partition);
    const fresh = new AssignedPartition(partition.topic, partition.partition);
    this.partitions.set(partitionKey(fresh.topic, fresh.partition), fresh);
    return fresh;
  }

  private startWithin(o: {
    topic: string;
    partition: number;
    committed: bigint | null;
    low: bigint;
    high: bigint;
  }): bigint {
    if (o.committed === null) return o.low;
    if (o.committed >= o.low && o.committed <= o.high) return o.committed;
    this.options.log.error(
      { ...o, committed: String(o.committed), low: String(o.low), high: String(o.high) },
      'kafka.consumer.committed_offset_gone',
    );
    return o.low;
  }

  private end(partition: AssignedPartition): void {
    partition.over = true;
    this.options.onOver(partition);
  }

  private stopFetching(partition: AssignedPartition): void {
    this.caps.fill(partition);
    this.pause(partition);
  }

  private pause({ topic, partition }: AssignedPartition): void {
    this.member.pause(topic, [partition]);
  }

  private resume({ topic, partition }: AssignedPartition): void {
    this.member.resume(topic, [partition]);
  }
}
