import { KafkaFault } from '@dits/contracts';
import kafkajs, { type Message, type Producer } from 'kafkajs';
import { Backoff, settledWithin, sleep } from '../backoff.js';
import type { KafkaConnection } from '../connection.js';
import { errorText } from '../error-text.js';
import type { Log } from '../log.js';
import type { OutgoingRecord } from '../records.js';
import { pinnedPartitioner, type PinnableMessage } from './pinned-partitioner.js';
import { SendQueue, outgoingBytes, type QueuedRecord } from './send-queue.js';
import { failureOf } from './send-failure.js';

/** Options of {@link BatchingProducer}. */
export interface BatchingProducerOptions {
  kafka: KafkaConnection;
  log: Log;
  /** Most records of one produce request. Default 1000. */
  maxBatchRecords?: number;
  /** Most bytes of one produce request; a single larger record goes alone. Default 900,000. */
  maxBatchBytes?: number;
  /** Most bytes waiting; beyond it `send` rejects at once. Default 64 MiB. */
  maxQueuedBytes?: number;
  /** About how long Kafka may take for a record before its `send` rejects. Default 10,000 ms. */
  deadlineMs?: number;
  /**
   * How long a record waits for others to share its request. Default 0: none does, a lone record goes at once. More for
   * records nobody waits for: a request costs the broker about as much as 50 records.
   */
  lingerMs?: number;
  /**
   * The same, but only after a request that held several records: who comes alone is not kept waiting, and who comes in a crowd
   * comes in large requests, which every stage behind takes as they are. Default 0.
   */
  crowdLingerMs?: number;
  /** Default zstd, which leaves small batches as they are; see `zstdCodec`. */
  compression?: 'none' | 'zstd';
  /**
   * Topics whose records may be read in any order. Those of one request go to one partition, each request's to the next, whatever
   * their keys: spread by key they would be many small batches, which cost every stage and the broker several times as much.
   */
  unordered?: string[];
}

/**
 * An idempotent producer, acks=all, for many callers.
 *
 * While one request is in flight the records of others gather; the next request takes them all, up to the limits. So
 * a lone record goes at once, and a crowd shares requests. Records of one key stay in order while nothing fails, but for those
 * of `unordered` topics.
 *
 * ```
 *              connect()              a send fails or takes too long
 *   new ------------------> healthy ----------------------------------> broken
 *                             ^      a new kafkajs producer connects      |
 *                             `-------------------------------------------'
 * ```
 * A given-up send leaves its sequence numbers in doubt: used again, the broker might take new records for repeats of
 * old ones and drop them. So a broken producer is thrown away. Its records are rejected, although they may have
 * arrived: a caller that sends again makes a repeat, never a gap.
 */
export class BatchingProducer {
  private readonly queue: SendQueue;
  private readonly log: Log;
  private readonly deadlineMs: number;
  private readonly maxBatchRecords: number;
  private lastBatchRecords = 0;
  // Not 0: producers that start together begin with different partitions.
  private requests = Math.floor(Math.random() * 1_000);
  private producer: Promise<Producer> | null = null;
  private isHealthy = false;
  private pumping: Promise<void> | null = null;
  private reviving: Promise<void> | null = null;
  private readonly closing = new AbortController();

  constructor(private readonly options: BatchingProducerOptions) {
    this.queue = new SendQueue(options.maxQueuedBytes ?? 64 * 1024 * 1024);
    this.log = options.log;
    this.deadlineMs = options.deadlineMs ?? 10_000;
    this.maxBatchRecords = options.maxBatchRecords ?? 1000;
  }

  /** False before `connect()`, and from a failed request until Kafka answers again. */
  get healthy(): boolean {
    return this.isHealthy;
  }

  /** Connects. Rejects with {@link KafkaFault}; `send` then tries again by itself. */
  async connect(): Promise<void> {
    try {
      await within(this.deadlineMs, this.connected());
      this.isHealthy = true;
    } catch (cause) {
      this.breakDown(cause);
      throw new KafkaFault(`Kafka cannot be reached: ${errorText(cause)}`, { cause });
    }
  }

  /** Resolves when all in-sync replicas have the record. Rejects with {@link KafkaFault}. */
  send(record: OutgoingRecord): Promise<void> {
    return this.sendAll([record]);
  }

  /** Resolves when all records are durable. Rejects with {@link KafkaFault} when one is not; others may be. */
  sendAll(records: OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    if (this.closing.signal.aborted) return Promise.reject(new KafkaFault('the producer is closed'));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let unsettled = records.length;
    let failure: Error | undefined;
    const settle = (error?: Error): void => {
      failure ??= error;
      if (--unsettled > 0) return;
      if (failure) reject(failure);
      else resolve();
    };
    const queuedAtMs = Date.now();
    const added = this.queue.add(
      records.map((record) => ({ record, bytes: outgoingBytes(record), queuedAtMs, settle })),
    );
    if (!added) return Promise.reject(new KafkaFault('queue full: more is sent than Kafka takes'));
    this.pumping ??= this.pump();
    return promise;
  }

  /** Sends what waits, then disconnects. */
  async close(): Promise<void> {
    this.closing.abort();
    while (this.pumping) await this.pumping;
    await this.reviving;
    this.isHealthy = false;
    const producer = this.producer;
    this.producer = null;
    if (producer) await settledWithin(disconnect(producer), 5000);
  }

  private async pump(): Promise<void> {
    // Everything that is sent in this turn of the event loop shares the first request.
    await Promise.resolve();
    while (this.queue.length > 0) {
      await this.linger();
      const batch = this.queue.take({
        records: this.maxBatchRecords,
        bytes: this.options.maxBatchBytes ?? 900_000,
      });
      this.lastBatchRecords = batch.length;
      const oldestMs = Date.now() - this.deadlineMs;
      const inTime = batch.filter(({ queuedAtMs }) => queuedAtMs >= oldestMs);
      const tooLate = batch.filter(({ queuedAtMs }) => queuedAtMs < oldestMs);
      if (tooLate.length > 0)
        settleAll(tooLate, new KafkaFault(`Kafka did not take the record within ${this.deadlineMs} ms`));
      await this.deliver(inTime);
    }
    // In the same turn as the look at the queue: a caller who sends between the two would wait for ever.
    this.pumping = null;
  }

  /** Waits for more records, unless there are enough already, or nobody will send more. */
  private async linger(): Promise<void> {
    const { lingerMs = 0, crowdLingerMs = 0 } = this.options;
    const waitMs = Math.max(lingerMs, this.lastBatchRecords > 1 ? crowdLingerMs : 0);
    if (waitMs === 0 || this.queue.length >= this.maxBatchRecords) return;
    await sleep(waitMs, this.closing.signal);
  }

  /** Sends records and settles each. What fails for a reason of its own is taken apart, so that the others go. */
  private async deliver(batch: QueuedRecord[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      await this.request(batch);
      this.isHealthy = true;
      settleAll(batch);
    } catch (cause) {
      const topics = [...new Set(batch.map(({ record }) => record.topic))];
      const failure = failureOf(cause);
      this.log.warn(
        { topics, records: batch.length, failure, error: errorText(cause) },
        'kafka.producer.request_failed',
      );
      if (failure === 'kafka') {
        this.breakDown(cause);
        settleAll(batch, new KafkaFault(`Kafka did not take the record: ${errorText(cause)}`, { cause }));
        return;
      }
      this.renew();
      if (topics.length > 1) {
        for (const topic of topics) await this.deliver(batch.filter(({ record }) => record.topic === topic));
      } else if (failure === 'too_large' && batch.length > 1) {
        const middle = Math.ceil(batch.length / 2);
        await this.deliver(batch.slice(0, middle));
        await this.deliver(batch.slice(middle));
      } else {
        const reason =
          failure === 'too_large'
            ? `the record of about ${batch[0]!.bytes} bytes is too large for the broker`
            : `${topics[0]} does not take records`;
        settleAll(batch, new KafkaFault(`${reason}: ${errorText(cause)}`, { cause }));
      }
    }
  }

  private async request(batch: QueuedRecord[]): Promise<void> {
    // Half: a record waits for the request before its own, too.
    const timeoutMs = this.deadlineMs / 2;
    const together = ++this.requests;
    const byTopic = new Map<string, Message[]>();
    for (const { record } of batch) {
      const isUnordered = this.options.unordered?.includes(record.topic);
      const message: PinnableMessage = { ...toMessage(record), ...(isUnordered && { together }) };
      const messages = byTopic.get(record.topic);
      if (messages) messages.push(message);
      else byTopic.set(record.topic, [message]);
    }
    const connected = this.connected();
    const send = async (): Promise<void> => {
      const producer = await connected;
      await producer.sendBatch({
        topicMessages: [...byTopic].map(([topic, messages]) => ({ topic, messages })),
        acks: -1,
        timeout: timeoutMs,
        compression:
          this.options.compression === 'none' ? kafkajs.CompressionTypes.None : kafkajs.CompressionTypes.ZSTD,
      });
    };
    const sending = send();
    try {
      await within(timeoutMs, sending);
    } catch (error) {
      // A send that is given up goes on in kafkajs, and connects anew after a disconnect: this one is the last.
      const disconnectAgain = (): Promise<void> => disconnect(connected);
      void sending.then(disconnectAgain, disconnectAgain);
      throw error;
    }
  }

  private connected(): Promise<Producer> {
    return (this.producer ??= this.newProducer());
  }

  private async newProducer(): Promise<Producer> {
    const producer = this.options.kafka
      .newClient({
        retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 2 },
        requestTimeoutMs: this.deadlineMs / 2,
      })
      .producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner: pinnedPartitioner,
        retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 5 },
      });
    try {
      await producer.connect();
    } catch (error) {
      // It has connected before it asks for its id, and keeps what it has opened.
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
    return producer;
  }

  /** The next request gets a new kafkajs producer. */
  private renew(): void {
    const old = this.producer;
    this.producer = null;
    if (old) void disconnect(old);
  }

  private breakDown(cause: unknown): void {
    this.renew();
    this.isHealthy = false;
    if (this.closing.signal.aborted || this.reviving) return;
    this.log.warn({ error: errorText(cause) }, 'kafka.producer.broken');
    this.reviving = this.revive();
  }

  /** Becomes healthy again also when nobody sends, as nobody may while readiness says no. */
  private async revive(): Promise<void> {
    const backoff = new Backoff(200, 2000);
    while (!this.isHealthy && !this.closing.signal.aborted) {
      await sleep(backoff.next(), this.closing.signal);
      if (this.isHealthy || this.closing.signal.aborted) break;
      const attempt = this.connected();
      try {
        await within(this.deadlineMs / 2, attempt);
        this.isHealthy = true;
        this.log.info({}, 'kafka.producer.works_again');
      } catch {
        // Said once by breakDown; the state is in `healthy`.
        if (this.producer === attempt) this.renew();
      }
    }
    // In the same turn as the last look at the health, as in `pump`.
    this.reviving = null;
  }
}

function settleAll(batch: QueuedRecord[], error?: Error): void {
  for (const queued of batch) queued.settle(error);
}

function toMessage({ key, value, headers, timestampMs }: OutgoingRecord): Message {
  return {
    key,
    value,
    ...(headers && { headers }),
    ...(timestampMs !== undefined && { timestamp: String(timestampMs) }),
  };
}

async function disconnect(producer: Promise<Producer>): Promise<void> {
  try {
    await (await producer).disconnect();
  } catch {
    // It never connected, or its connection is gone: nothing is left to close.
  }
}

/** The promise's result, or an error after `ms`; a later result is dropped. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  if (!(await settledWithin(promise, ms))) throw new Error(`no answer within ${ms} ms`);
  return promise;
}
