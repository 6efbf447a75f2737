import { Fifo } from '../fifo.js';
import type { OutgoingRecord } from '../records.js';

/** A record waiting to be sent. */
export interface QueuedRecord {
  record: OutgoingRecord;
  bytes: number;
  queuedAtMs: number;
  /** Called once: without an error when the record is durable. */
  settle(error?: Error): void;
}

// Framing of a record in a request, with some room.
const OVERHEAD_BYTES = 64;

/** Bytes a record takes in a request, roughly and rather too many. */
export function outgoingBytes({ key, value, headers }: OutgoingRecord): number {
  let bytes = OVERHEAD_BYTES + lengthOf(key) + lengthOf(value);
  for (const [name, text] of Object.entries(headers ?? {})) bytes += lengthOf(name) + lengthOf(text) + 8;
  return bytes;
}

/** Records in the order they came, within a cap of bytes. */
export class SendQueue {
  private readonly waiting = new Fifo<QueuedRecord>();
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Adds all or, when the cap would be passed, none. An empty queue takes anything. */
  add(records: QueuedRecord[]): boolean {
    const bytes = records.reduce((sum, queued) => sum + queued.bytes, 0);
    if (this.bytes > 0 && this.bytes + bytes > this.maxBytes) return false;
    for (const queued of records) this.waiting.push(queued);
    this.bytes += bytes;
    return true;
  }

  /** Takes the next request's records: as many as both limits allow, at least one. */
  take(limits: { records: number; bytes: number }): QueuedRecord[] {
    const batch: QueuedRecord[] = [];
    let bytes = 0;
    for (let next = this.waiting.first; next && batch.length < limits.records; next = this.waiting.first) {
      if (batch.length > 0 && bytes + next.bytes > limits.bytes) break;
      bytes += next.bytes;
      batch.push(next);
      this.waiting.shift();
    }
    this.bytes -= bytes;
    return batch;
  }
}

function lengthOf(text: string | Buffer | null): number {
  if (text === null) return 0;
  return typeof text === 'string' ? Buffer.byteLength(text) : text.length;
}
