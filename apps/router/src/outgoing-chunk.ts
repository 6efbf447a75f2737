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

  /** Takes a record; waits until everything so far is durable when the chunk is full. */
  async add(record: OutgoingRecord): Promise<void> {
    this.records.push(record);
    this.bytes += record.value?.length ?? 0;
    if (this.bytes >= this.maxBytes) await this.flush();
  }

  /** Resolves when everything taken so far is durable. */
  async flush(): Promise<void> {
    const { records } = this;
    this.records = [];
    this.bytes = 0;
    if (records.length > 0) await this.sendAll(records);
  }
}
