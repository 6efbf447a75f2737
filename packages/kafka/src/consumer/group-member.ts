import type { Consumer, EachBatchPayload } from 'kafkajs';
import { Backoff, settledWithin, sleep } from '../backoff.js';
import type { KafkaConnection } from '../connection.js';
import { errorText } from '../error-text.js';
import type { Faults } from '../faults.js';
import type { Log } from '../log.js';

/** Topic to partitions. */
export type Assignment = Record<string, number[]>;

/** One fetch of one partition. */
export interface FetchedBatch {
  topic: string;
  partition: number;
  /** The offset that was asked for. */
  fetchedOffset: bigint;
  /** The last offset of the fetch, also when it holds no record. */
  lastOffset: bigint;
  messages: EachBatchPayload['batch']['messages'];
  /** Says up to which offset (exclusive) the records were taken; the next fetch starts there. */
  resolveUpTo(offset: bigint): void;
}

/** Who a {@link GroupMember} works for. All calls are synchronous: nothing may hold up the heartbeats. */
export interface GroupMemberUser {
  /** The member has joined; until the partitions are resumed nothing is fetched from them. */
  onJoined(assignment: Assignment): void;
  /** The group rebalances: the last moment to commit for what may be lost. */
  onRebalancing(): void;
  /** The member is out of the group; it will join again by itself. */
  onOut(): void;
  /** Returns how many records it took. */
  onBatch(batch: FetchedBatch): number;
  /** A fetch brought only offsets without records (transaction markers); kafkajs passes over them by itself. */
  onGap(gap: { topic: string; partition: number; firstOffset: bigint; lastOffset: bigint }): void;
}

export interface GroupMemberOptions {
  kafka: KafkaConnection;
  log: Log;
  /** By the number of the attempt to join, from 1. */
  groupId: (attempt: number) => string;
  topics: string[];
  minFetchBytes: number;
  /**
   * How long a fetch waits for them. A resumed partition is fetched after at most this long and `maxPauseMs`: kafkajs finishes the
   * fetch it is in first.
   */
  maxFetchWaitMs: number;
  /** The longest pause between two fetches. */
  maxPauseMs: number;
  faults: Faults;
  now: () => number;
  user: GroupMemberUser;
}

// A dead member's partitions wait this long for another. Six seconds is the least a broker takes by default.
const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 15_000;
const HEARTBEAT_MS = 1000;
// Of one partition in one answer, before they are unpacked (often ten times as many). More than fits the caps is read in vain.
const MAX_PARTITION_BYTES = 128 * 1024;
// More partitions than a member has, so that all batches of an answer are handed over at once.
const BATCHES_AT_ONCE = 64;
// Silence of a member that fetches a few times a second and may have to wait for a whole rebalance in between.
const SILENCE_IS_FAULT_MS = 5000;
const SILENCE_IS_DEATH_MS = 60_000;
// As long as a session: whoever's commits fail so long is out of its group, whether or not kafkajs has noticed.
const FAILING_COMMITS_ARE_DEATH_MS = SESSION_TIMEOUT_MS;
const WATCH_EVERY_MS = 1000;

/**
 * A member of a consumer group that never gives up.
 * ```
 *             run                joined                      crash, silence
 *   waiting -------> connecting --------> member ----------------------------.
 *      ^                  | cannot           | rebalance: joined again        |
 *      |                  v                  `--------> member                v
 *      `----- backoff (0.2 to 5 s) <---------------------------------------- out
 * ```
 * kafkajs's own restart is switched off, since it gives up on errors it calls non-retriable: here every end of its
 * loop, and also its silence and commits that go on failing, lead to a new client and a new join.
 */
export class GroupMember {
  private consumer: Consumer | null = null;
  private joinedGroup: string | null = null;
  private lastSignMs = 0;
  private commits = 0;
  private takenSincePause = 0;
  private isMoreWaiting = false;
  private pausing: Promise<void> | null = null;
  private commitsFailSinceMs: number | null = null;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: GroupMemberOptions) {}

  /** Begins to join. Returns at once. */
  start(): void {
    this.running = this.run();
  }

  /** Leaves the group. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** The group's id while we are in it. */
  get group(): string | null {
    return this.joinedGroup;
  }

  pause(topic: string, partitions: number[]): void {
    this.whileIn((consumer) => consumer.pause([{ topic, partitions }]));
  }

  resume(topic: string, partitions: number[]): void {
    this.whileIn((consumer) => consumer.resume([{ topic, partitions }]));
  }

  seek(topic: string, partition: number, offset: bigint): void {
    this.whileIn((consumer) => consumer.seek({ topic, partition, offset: String(offset) }));
  }

  /** Commits. Rejects when it cannot. */
  async commit(offsets: { topic: string; partition: number; offset: bigint }[]): Promise<void> {
    if (!this.consumer || !this.joinedGroup) throw new Error('not a member of the group');
    const { consumer, commits: commitsBefore } = this;
    try {
      await consumer.commitOffsets(offsets.map((o) => ({ ...o, offset: String(o.offset) })));
      // kafkajs returns in peace, and has done nothing, while its loop does not run.
      if (this.commits === commitsBefore) throw new Error('the consumer does not run');
      this.commitsFailSinceMs = null;
    } catch (error) {
      if (this.consumer === consumer) this.commitsFailSinceMs ??= this.options.now();
      throw error;
    }
  }

  private whileIn(control: (consumer: Consumer) => void): void {
    if (!this.consumer || !this.joinedGroup) return;
    try {
      control(this.consumer);
    } catch {
      // kafkajs has taken itself apart and its crash is about to be told; the next join sets all this anew.
    }
  }

  private async run(): Promise<void> {
    const { faults, log } = this.options;
    const backoff = new Backoff(200, 5000);
    for (let attempt = 1; !this.stopping.signal.aborted; attempt++) {
      const groupId = this.options.groupId(attempt);
      const end = Promise.withResolvers<Error | null>();
      const stop = (): void => end.resolve(null);
      this.stopping.signal.addEventListener('abort', stop, { once: true });
      const consumer = this.newConsumer(groupId);
      this.consumer = consumer;
      const watch = setInterval(() => this.watch(end.resolve), WATCH_EVERY_MS);
      let joining = Promise.resolve();
      try {
        this.listen(consumer, groupId, backoff, end.resolve);
        this.lastSignMs = this.options.now();
        joining = this.join(consumer);
        await Promise.race([joining, end.promise]);
        const error = await end.promise;
        if (error) throw error;
      } catch (error) {
        faults.set('group');
        const waitMs = backoff.next();
        log.warn(
          { group: groupId, error: errorText(error), retry_in_ms: waitMs },
          'kafka.consumer.out_of_group',
        );
        await this.leave(consumer, joining);
        await sleep(waitMs, this.stopping.signal);
      } finally {
        clearInterval(watch);
        this.stopping.signal.removeEventListener('abort', stop);
        await this.leave(consumer, joining);
      }
    }
  }

  private newConsumer(groupId: string): Consumer {
    // requestTimeoutMs is far above any answer's time; joins and fetches have longer ones of their own.
    return this.options.kafka
      .newClient({
        retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 3 },
        requestTimeoutMs: 10_000,
      })
      .consumer({
        groupId,
        sessionTimeout: SESSION_TIMEOUT_MS,
        rebalanceTimeout: REBALANCE_TIMEOUT_MS,
        heartbeatInterval: HEARTBEAT_MS,
        maxWaitTimeInMs: this.options.maxFetchWaitMs,
        minBytes: this.options.minFetchBytes,
        maxBytesPerPartition: MAX_PARTITION_BYTES,
        // New partitions of a topic are noticed within this time.
        metadataMaxAge: 60_000,
        allowAutoTopicCreation: false,
        retry: {
          initialRetryTime: 100,
          maxRetryTime: 1000,
          retries: 5,
          restartOnFailure: () => Promise.resolve(false),
        },
      });
  }

  /** Must come before `run`, which has joined when it returns. */
  private listen(consumer: Consumer, groupId: string, backoff: Backoff, end: (error: Error) => void): void {
    const { user, faults, log } = this.options;
    const alive = (): void => {
      this.lastSignMs = this.options.now();
    };
    // A listener that throws would break into kafkajs's join or fetch.
    const guarded =
      <E>(react: (event: E) => void) =>
      (event: E): void => {
        if (this.consumer !== consumer) return;
        try {
          react(event);
        } catch (error) {
          end(error instanceof Error ? error : new Error(String(error)));
        }
      };
    consumer.on(
      consumer.events.GROUP_JOIN,
      guarded((event) => {
        alive();
        this.joinedGroup = groupId;
        backoff.reset();
        faults.clear('group');
        const assignment = event.payload.memberAssignment;
        log.info({ group: groupId, assignment, took_ms: event.payload.duration }, 'kafka.consumer.joined');
        user.onJoined(assignment);
      }),
    );
    consumer.on(
      consumer.events.REBALANCING,
      guarded(() => {
        alive();
        user.onRebalancing();
      }),
    );
    consumer.on(consumer.events.HEARTBEAT, guarded(alive));
    consumer.on(
      consumer.events.COMMIT_OFFSETS,
      guarded(() => {
        this.commits++;
      }),
    );
    consumer.on(
      consumer.events.END_BATCH_PROCESS,
      guarded(({ payload: { batchSize, topic, partition, firstOffset, lastOffset } }) => {
        // kafkajs says null when every offset of the fetch lies before the one asked for.
        if (batchSize > 0 || (firstOffset as string | null) === null) return;
        user.onGap({ topic, partition, firstOffset: BigInt(firstOffset), lastOffset: BigInt(lastOffset) });
      }),
    );
    consumer.on(
      consumer.events.CRASH,
      guarded((event) => end(event.payload.error)),
    );
  }

  private async join(consumer: Consumer): Promise<void> {
    await consumer.connect();
    if (this.consumer !== consumer) return;
    await consumer.subscribe({ topics: this.options.topics, fromBeginning: true });
    if (this.consumer !== consumer) return;
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: BATCHES_AT_ONCE,
      eachBatch: (payload) => {
        if (this.consumer === consumer) this.hand(payload);
        return (this.pausing ??= this.pauseBetweenFetches());
      },
    });
  }

  private hand(payload: EachBatchPayload): void {
    // Stale: we seeked after the fetch was sent.
    if (payload.isStale() || !payload.isRunning()) return;
    const { batch } = payload;
    this.isMoreWaiting ||= BigInt(batch.lastOffset()) + 1n < BigInt(batch.highWatermark);
    this.takenSincePause += this.options.user.onBatch({
      topic: batch.topic,
      partition: batch.partition,
      fetchedOffset: BigInt((batch as unknown as { fetchedOffset: string }).fetchedOffset),
      lastOffset: BigInt(batch.lastOffset()),
      messages: batch.messages,
      resolveUpTo: (offset) => payload.resolveOffset(String(offset - 1n)),
    });
  }

  /**
   * What the next fetch waits for: as many milliseconds as records came, at most `maxPauseMs`. So a lone record has its successor
   * fetched at once, and above about 1,000 a second they come in ever larger batches. No pause when a partition has more than an
   * answer holds: it would bound how fast one partition is read.
   */
  private async pauseBetweenFetches(): Promise<void> {
    // kafkajs hands over all batches of an answer in one turn.
    await Promise.resolve();
    const pauseMs = this.isMoreWaiting ? 0 : Math.min(this.takenSincePause - 1, this.options.maxPauseMs);
    this.takenSincePause = 0;
    this.isMoreWaiting = false;
    if (pauseMs > 0) await sleep(pauseMs, this.stopping.signal);
    this.pausing = null;
  }

  private watch(end: (error: Error) => void): void {
    const silentMs = this.options.now() - this.lastSignMs;
    if (silentMs > SILENCE_IS_FAULT_MS) this.options.faults.set('heartbeat');
    else this.options.faults.clear('heartbeat');
    if (silentMs > SILENCE_IS_DEATH_MS) end(new Error(`no sign of life from the group for ${silentMs} ms`));
    // kafkajs asks once who coordinates the group, and goes on asking that broker when the group has moved to another.
    const failingMs = this.options.now() - (this.commitsFailSinceMs ?? Infinity);
    if (failingMs > FAILING_COMMITS_ARE_DEATH_MS) end(new Error(`no commit succeeded for ${failingMs} ms`));
  }

  private async leave(consumer: Consumer, joining: Promise<void>): Promise<void> {
    if (this.consumer !== consumer) return;
    this.consumer = null;
    this.commitsFailSinceMs = null;
    if (this.joinedGroup) {
      this.joinedGroup = null;
      this.options.user.onOut();
    }
    // It waits for answers that may never come.
    await settledWithin(disconnect(consumer, joining), 5000);
    this.options.faults.clear('heartbeat');
  }
}

/**
 * Ends a consumer, after its join: kafkajs has nothing to end until it has joined, and stays in the group then, with partitions that
 * nobody reads.
 */
async function disconnect(consumer: Consumer, joining: Promise<void>): Promise<void> {
  await joining.catch(() => undefined);
  await consumer.disconnect();
}
