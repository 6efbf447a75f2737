import type { EachBatchPayload, IHeaders } from 'kafkajs';
import type { IncomingRecord } from '../records.js';

type Message = EachBatchPayload['batch']['messages'][number];

// Objects around the bytes of a record.
const OVERHEAD_BYTES = 200;

/** Memory a record takes, roughly. */
export function recordBytes({ key, value, headers }: Pick<Message, 'key' | 'value' | 'headers'>): number {
  let bytes = OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of Object.entries(headers ?? {})) bytes += name.length + (last(text)?.length ?? 0);
  return bytes;
}

/** A record as our handlers see it. Copies the bytes: kafkajs's are views that keep the whole fetch in memory. */
export function toIncomingRecord(
  from: { topic: string; partition: number },
  message: Message,
  { lookback }: { lookback: boolean },
): IncomingRecord {
  return {
    topic: from.topic,
    partition: from.partition,
    offset: BigInt(message.offset),
    key: message.key && Buffer.from(message.key),
    value: message.value && Buffer.from(message.value),
    headers: toHeaders(message.headers),
    timestampMs: Number(message.timestamp),
    lookback,
  };
}

function toHeaders(headers: IHeaders | undefined): Record<string, Buffer> {
  const plain: [string, Buffer][] = [];
  for (const [name, given] of Object.entries(headers ?? {})) {
    const value = last(given);
    if (value !== undefined) plain.push([name, Buffer.from(value as Buffer)]);
  }
  // Not by assignment: a header may have any name, `__proto__` too.
  return Object.fromEntries(plain);
}

function last(value: IHeaders[string]): Buffer | string | undefined {
  return Array.isArray(value) ? value.at(-1) : value;
}
