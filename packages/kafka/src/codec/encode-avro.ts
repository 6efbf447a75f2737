import { FRAME_BYTES, PoisonRecordError, writeFrame } from '@dits/contracts';
import type avsc from 'avsc';
import { errorText } from '../error-text.js';

// Room for almost every record. avsc's own has 1 KiB; what does not fit is written twice.
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * A value in the Confluent wire format: header and Avro bytes. Throws `PoisonRecordError` `invalid_value` when it is not what the
 * type says.
 */
export function encodeFramed(type: avsc.Type, schemaId: number, value: object): Buffer {
  try {
    const end = type.encode(value, scratch, FRAME_BYTES);
    if (end >= 0) {
      writeFrame(scratch, schemaId);
      return Buffer.from(scratch.subarray(0, end));
    }
    // By so much it was too short.
    const large = Buffer.allocUnsafe(scratch.length - end);
    type.encode(value, large, FRAME_BYTES);
    writeFrame(large, schemaId);
    return large;
  } catch (cause) {
    throw new PoisonRecordError('invalid_value', `does not fit ${type.name}: ${errorText(cause)}`, { cause });
  }
}
