import type { OutgoingRecord } from '@dits/kafka';

// 8 MiB: eight full requests to Kafka, and a bound on what one batch adds to memory.
const MAX_CHUNK_BYTES = 8 * 1024 * 1024;

/** Collects records and sends them together, at the latest when they make 8 MiB. */
export class OutgoingChunk {
  private records: OutgoingRecord[] = [];
  private bytes = 0;

  constructor(
    private readonly sendAll: (records: OutgoingRecord[]) => Promise<void>,
    private readonly maxBytes = MAX_CHUNK_BYTES,
  ) {}

  /** Takes a record; when the chunk is full, a promise that resolves when everything so far is durable. */
  add(record: OutgoingRecord): Promise<void> | undefined {
    this.records.push(record);
    this.bytes += record.value?.length ?? 0;
    return this.bytes >= this.maxBytes ? this.flush() : undefined;
  }

  /** Resolves when everything taken so far is durable. */
  async flush(): Promise<void> {
    const { records } = this;
    this.records = [];
    this.bytes = 0;
    if (records.length > 0) await this.sendAll(records);
  }
}
