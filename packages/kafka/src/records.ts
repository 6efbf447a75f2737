/** A record to be produced. */
export interface OutgoingRecord {
  topic: string;
  /** Decides the partition, but for a producer's `unordered` topics; null spreads records over all. */
  key: string | Buffer | null;
  /** Null is a tombstone. */
  value: Buffer | null;
  headers?: Record<string, string | Buffer>;
  /** Time of the record in ms since 1970; the time of sending when absent. */
  timestampMs?: number;
}

/** A record as consumed. */
export interface IncomingRecord {
  topic: string;
  partition: number;
  offset: bigint;
  key: Buffer | null;
  value: Buffer | null;
  /** A header that came several times has its last value. */
  headers: Record<string, Buffer>;
  /** Time of the record in ms since 1970. */
  timestampMs: number;
  /** True for a record from before the committed offset, read again after an assignment; see `lookbackRecords`. */
  lookback: boolean;
}
