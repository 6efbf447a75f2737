import type { KafkaConnection } from '../connection.js';
import type { Log } from '../log.js';

/** What every kind of consumer takes. */
export interface ConsumerOptions {
  kafka: KafkaConnection;
  log: Log;
  groupId: string;
  topics: string[];
  /** Most records held at once, divided among the partitions; one that has its share is paused. Default 5000, of a batch consumer 40,000. */
  maxHeldRecords?: number;
  /** The same in bytes (keys, values, headers). Default 64 MiB. */
  maxHeldBytes?: number;
  /**
   * Records before the committed offset that are read again at each assignment, per partition; they arrive with
   * `lookback: true` and never count for commits. A group without a committed offset has none. Default 0.
   */
  lookbackRecords?: number;
  /**
   * Bytes that a fetch waits for, up to 200 ms. Default 1: it returns with the first record. More where nobody waits for a
   * record, and fewer, larger fetches are worth it.
   */
  minFetchBytes?: number;
  /**
   * Longest pause between two fetches, in ms. After one that brought n records, and all there were, the next begins n - 1 ms later: a
   * fetch, and all that follows from it, costs the broker and us about as much as handling 20 to 50 records. Default 50. More where
   * nobody waits for a record.
   */
  maxPauseMs?: number;
  /** How long `stop()` lets held records finish. Default 10,000 ms. */
  drainMs?: number;
}

/** What a consumer looks like from outside. */
export interface ConsumerHealth {
  /** A member of its group with an assignment (perhaps an empty one). */
  joined: boolean;
  /** Since when something has not worked: Kafka, the group, or a handler that rejects. Null when all is well. */
  faultSinceMs: number | null;
  /** Records held now. */
  held: number;
  heldBytes: number;
  /**
   * `position`: next offset to be taken. `committed`: next offset a new member would start from; null when none was committed.
   * `unfinishedSinceMs`: time of the first record that was taken and is not completed, ms since 1970; null when there is none.
   * `completed`: everything below it is completed; null while it is not known where to begin. `rests`: why it stands
   * still on purpose: its first record is not due.
   */
  partitions: {
    topic: string;
    partition: number;
    position: bigint;
    committed: bigint | null;
    unfinishedSinceMs: number | null;
    completed: bigint | null;
    rests: 'until_due' | null;
  }[];
}

/** A started consumer. It rejoins its group by itself until it is stopped. */
export interface RunningConsumer {
  /** Takes nothing new, finishes what is held within `drainMs`, commits, leaves the group. */
  stop(): Promise<void>;
  health(): ConsumerHealth;
}
