import avsc from 'avsc';
import { PoisonRecordError } from './errors.js';
import { exactLong } from './exact-long.js';

/** What avsc reads from; its own types do not tell. */
interface Tap {
  buf: Buffer;
  pos: number;
  readLong(): number;
}

/** What avsc calls on a type, or on a resolver in its place. */
interface Reading {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}
const reading = (type: unknown): Reading => type as Reading;

const lenientText = reading(avsc.types.StringType.prototype);
const REPLACEMENT = '\uFFFD';

/** Avro's string. avsc would put U+FFFD in the place of bytes that are not UTF-8, and a receiver would see what nobody sent. */
class Utf8Text extends avsc.types.StringType {
  _read(tap: Tap): string {
    const text = lenientText._read.call(this, tap) as string;
    // Rarely there, and then mostly because it was sent: only the bytes tell.
    if (text?.includes(REPLACEMENT)) {
      const bytes = Buffer.from(text);
      const from = tap.pos - bytes.length;
      if (from < 0 || !tap.buf.subarray(from, tap.pos).equals(bytes)) {
        throw new PoisonRecordError('invalid_value', `the text that ends at byte ${tap.pos} is not UTF-8`);
      }
    }
    return text;
  }
}

/**
 * Avro's array. avsc believes the count that the bytes state: a hundred bytes that claim three billion items take all
 * the memory of the process, before it sees that they are too few.
 */
class CountedList extends avsc.types.ArrayType {
  _read(tap: Tap): unknown[] {
    const items = reading(this.itemsType);
    const list: unknown[] = [];
    for (let left = blockLength(tap); left > 0; left = blockLength(tap)) {
      while (left-- > 0) list.push(items._read(tap));
    }
    return list;
  }

  _skip(tap: Tap): void {
    const items = reading(this.itemsType);
    for (let left = blockLength(tap); left > 0; left = blockLength(tap)) {
      while (left-- > 0) items._skip(tap);
    }
  }
}

/** Avro's map, as {@link CountedList}. */
class CountedMap extends avsc.types.MapType {
  _read(tap: Tap): Record<string, unknown> {
    const values = reading(this.valuesType);
    const entries: [string, unknown][] = [];
    for (let left = blockLength(tap); left > 0; left = blockLength(tap)) {
      while (left-- > 0) entries.push([utf8Text._read(tap), values._read(tap)]);
    }
    return Object.fromEntries(entries);
  }

  _skip(tap: Tap): void {
    const text = reading(utf8Text);
    const values = reading(this.valuesType);
    for (let left = blockLength(tap); left > 0; left = blockLength(tap)) {
      while (left-- > 0) {
        text._skip(tap);
        values._skip(tap);
      }
    }
  }
}

/** Items of the next block; 0 after the last. An item takes a byte at least: none of our types is empty. */
function blockLength(tap: Tap): number {
  let length = tap.readLong();
  if (length < 0) {
    length = -length;
    tap.readLong(); // The block's bytes, for those who skip it.
  }
  const bytesLeft = Math.max(0, tap.buf.length - tap.pos);
  if (length > bytesLeft) {
    throw new PoisonRecordError('not_avro', `a list claims ${length} items, and ${bytesLeft} bytes are left`);
  }
  return length;
}

const utf8Text = new Utf8Text();

/** The type to use in the place of avsc's own for a schema, if there is one. */
export function strictType(schema: avsc.Schema, options: avsc.ForSchemaOptions): avsc.Type | undefined {
  // A schema may name a primitive type directly, or as an object with attributes of the writer's.
  const name = typeof schema === 'string' ? schema : (schema as { type?: unknown }).type;
  switch (name) {
    case 'string':
      return utf8Text;
    case 'long':
      return exactLong;
    case 'array':
      return new CountedList(schema, options);
    case 'map':
      return new CountedMap(schema, options);
    default:
      return undefined;
  }
}
