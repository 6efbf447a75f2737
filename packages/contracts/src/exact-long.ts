import avsc from 'avsc';
import { PoisonRecordError } from './errors.js';

const TWO_TO_32 = 2 ** 32;

/**
 * Avro's long for integers within ±(2^53-1).
 *
 * avsc's own long stops at ±(2^53-2) and throws a plain error; ids up to 2^53-1 must survive. Reading a long beyond
 * throws {@link PoisonRecordError} `invalid_value`, since receivers parse JSON numbers and would round it.
 */
export const exactLong: avsc.Type = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer): number => {
    const value = bytes.readInt32LE(4) * TWO_TO_32 + bytes.readUInt32LE(0);
    if (!Number.isSafeInteger(value)) {
      throw new PoisonRecordError('invalid_value', `${bytes.readBigInt64LE(0)} is beyond ±(2^53-1)`);
    }
    return value;
  },
  toBuffer: (value: number): Buffer => {
    const bytes = Buffer.allocUnsafe(8);
    const high = Math.floor(value / TWO_TO_32);
    bytes.writeUInt32LE(value - high * TWO_TO_32, 0);
    bytes.writeInt32LE(high, 4);
    return bytes;
  },
  fromJSON: (value: unknown): unknown => value,
  toJSON: (value: unknown): unknown => value,
  isValid: (value: unknown): boolean => Number.isSafeInteger(value),
  compare: (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1),
});
