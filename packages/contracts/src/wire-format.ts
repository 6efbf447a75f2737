import { PoisonRecordError } from './errors.js';

// Confluent wire format: a zero byte, the schema's id (32 bits, big-endian), then the Avro bytes.
/** Bytes before the Avro bytes of a value. */
export const FRAME_BYTES = 5;

/** Puts the Confluent header before Avro bytes. */
export function frame(schemaId: number, avro: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_BYTES + avro.length);
  avro.copy(framed, FRAME_BYTES);
  writeFrame(framed, schemaId);
  return framed;
}

/** Writes the Confluent header into the first {@link FRAME_BYTES} of a value. */
export function writeFrame(value: Buffer, schemaId: number): void {
  value[0] = 0;
  value.writeInt32BE(schemaId, 1);
}

/** Takes the Confluent header off. Throws {@link PoisonRecordError} `not_avro` when there is none. */
export function unframe(value: Buffer | null): { schemaId: number; avro: Buffer } {
  if (!value || value.length < FRAME_BYTES || value[0] !== 0) {
    throw new PoisonRecordError('not_avro', 'the value does not begin with a Confluent wire format header');
  }
  return { schemaId: value.readInt32BE(1), avro: value.subarray(FRAME_BYTES) };
}
