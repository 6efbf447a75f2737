import { isUtf8 } from 'node:buffer';
import { PoisonRecordError, RegistryFault, unframe } from '@dits/contracts';
import type { Codec } from '@dits/kafka';

/** What can be said of a dead letter's value now. */
export interface DecodedLetter {
  decoded: { type: string; value: unknown } | null;
  decode_error: string | null;
  schema_id: number | null;
}

/** Reads a value as an event or as a record of ours, whichever it is. Never fails: what is in the way is part of the answer. */
export async function decodeLetter(
  value: Buffer | null,
  codec: Pick<Codec, 'decode' | 'decodeEvent'>,
): Promise<DecodedLetter> {
  const schema_id = schemaIdOf(value);
  const read = [
    async () => {
      const { type, event } = await codec.decodeEvent(value);
      return { type: type.event, value: event };
    },
    async () => {
      const { name, record } = await codec.decode(value);
      return { type: name, value: record };
    },
  ];
  let decode_error = '';
  for (const attempt of read) {
    try {
      const { type, value: decoded } = await attempt();
      return { decoded: { type, value: presentable(decoded) }, decode_error: null, schema_id };
    } catch (error) {
      if (!(error instanceof PoisonRecordError || error instanceof RegistryFault)) throw error;
      decode_error ||= error.message;
      // Only a record of another kind may be one of ours.
      if (!(error instanceof PoisonRecordError && error.reason === 'wrong_type')) break;
    }
  }
  return { decoded: null, decode_error, schema_id };
}

function schemaIdOf(value: Buffer | null): number | null {
  try {
    return unframe(value).schemaId;
  } catch {
    return null;
  }
}

/** A decoded value as JSON: bytes as text where they are. */
function presentable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) {
    return isUtf8(value) ? { text: value.toString('utf8') } : { base64: value.toString('base64') };
  }
  if (Array.isArray(value)) return value.map(presentable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, presentable(part)]));
}
