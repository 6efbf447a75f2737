import { PoisonRecordError } from '@dits/contracts';
import type avsc from 'avsc';
import { errorText } from '../error-text.js';

/** Reads values of one writer's schema. */
export interface Reader {
  reader: avsc.Type;
  /** Absent when the writer's schema is the reader's. */
  resolver?: ReturnType<avsc.Type['createResolver']>;
}

/**
 * Decodes Avro bytes, all of them. Throws `PoisonRecordError`: `not_avro` when they are not what the schema says, or
 * longer; `invalid_value` when an integer is beyond ±(2^53-1) or a text is not UTF-8.
 */
export function decodeAvro(avro: Buffer, { reader, resolver }: Reader): unknown {
  try {
    return reader.fromBuffer(avro, resolver);
  } catch (cause) {
    if (cause instanceof PoisonRecordError) throw cause;
    throw new PoisonRecordError('not_avro', `does not decode as ${reader.name}: ${errorText(cause)}`, {
      cause,
    });
  }
}
