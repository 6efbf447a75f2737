import { PoisonRecordError } from './errors.js';

// Confluent wire format: a zero byte, the schema's id (32 bits, big-endian), then the Avro bytes.
const HEADER_BYTES = 5;

/** Puts the Confluent header before Avro bytes. */
export function frame(schemaId: number, avro: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + avro.length);
  framed[0] = 0;
  framed.writeInt32BE(schemaId, 1);
  avro.copy(framed, HEADER_BYTES);
  return framed;
}

/** Takes the Confluent header off. Throws {@link PoisonRecordError} `not_avro` when there is none. */
export function unframe(value: Buffer | null): { schemaId: number; avro: Buffer } {
  if (!value || value.length < HEADER_BYTES || value[0] !== 0) {
    throw new PoisonRecordError('not_avro', 'the value does not begin with a Confluent wire format header');
  }
  return { schemaId: value.readInt32BE(1), avro: value.subarray(HEADER_BYTES) };
}
