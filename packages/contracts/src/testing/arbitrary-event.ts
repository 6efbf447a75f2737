import type avsc from 'avsc';
import fc from 'fast-check';
import type { AnyEvent, EventType } from '../catalogue.js';
import { EventCatalogue } from '../catalogue.js';
import { bundledSchemas } from '../generated/schemas.gen.js';

/** How large the lists and texts of a generated event get. */
export interface EventSizes {
  maxItems?: number;
  maxTextLength?: number;
}

/** Any event of any known type with its name, as decoded from Avro: absent fields are null. */
export function arbitraryEvent(sizes: EventSizes = {}): fc.Arbitrary<{ name: string; event: AnyEvent }> {
  const types = new EventCatalogue(bundledSchemas).all;
  return fc.oneof(
    ...types.map((type) =>
      fc.record({ name: fc.constant(type.event), event: arbitraryEventOf(type, sizes) }),
    ),
  );
}

/** Any event of one type, made from its schema alone; one that `readEvent` and `decodeEvent` take. */
export function arbitraryEventOf(
  type: Pick<EventType, 'type'>,
  sizes: EventSizes = {},
): fc.Arbitrary<AnyEvent> {
  return fc
    .tuple(arbitraryOf(type.type, sizes), arbitraryEventId, arbitraryTime)
    .map(([record, event_id, occurred_at]) => ({ ...(record as AnyEvent), event_id, occurred_at }));
}

/** A text of any characters that UTF-8 can carry, those that JSON must escape and those that are easily lost among them. */
export function arbitraryText({ maxTextLength = 40 }: EventSizes = {}): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: 'binary', maxLength: maxTextLength, size: 'max' }),
    fc.string({
      unit: fc.constantFrom(...easilyLost),
      maxLength: maxTextLength,
      size: 'max',
    }),
  );
}

// Quotes and escapes, NUL and a C1 control, line separators, a byte order mark, U+FFFD; é as one character and as two.
const easilyLost = [
  ...['"', '\\', '/', '\n', '\u0000', '\u0085', '\u2028', '\u2029', '\ufeff', '\ufffd', '\uffff'],
  ...['\u00e9', 'e\u0301', 'שׁ', '漢', '🎬', '👩‍🎨', '\u{10ffff}', '</script>', '\\u0000', 'a'],
];

const arbitraryEventId = fc.uuid();
// The years that RFC 3339 can write.
const arbitraryTime = fc
  .date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  .map((date) => date.toISOString());
const edges = [0, 1, 2 ** 31, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER];
const arbitraryId = fc.oneof(fc.maxSafeNat(), fc.constantFrom(...edges));
const arbitraryLong = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...edges));

function arbitraryOf(type: avsc.Type, sizes: EventSizes, field?: string): fc.Arbitrary<unknown> {
  if (type.typeName.startsWith('union:')) {
    const branches = (type as avsc.types.UnwrappedUnionType).types;
    return fc.oneof(...branches.map((branch) => arbitraryOf(branch, sizes, field)));
  }
  switch (type.typeName) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'int':
      return field === 'id' ? fc.nat() : fc.integer();
    case 'abstract:long':
      return field === 'id' ? arbitraryId : arbitraryLong;
    case 'string':
      return arbitraryText(sizes);
    case 'enum':
      return fc.constantFrom(...(type as avsc.types.EnumType).symbols);
    case 'array':
      return fc.array(arbitraryOf((type as avsc.types.ArrayType).itemsType, sizes), {
        maxLength: sizes.maxItems ?? 5,
        size: 'max',
      });
    case 'record': {
      const { fields } = type as avsc.types.RecordType;
      const model = Object.fromEntries(
        fields.map(({ name, type: inner }) => [name, arbitraryOf(inner, sizes, name)]),
      );
      return fc.record(model, { noNullPrototype: true });
    }
    default:
      throw new Error(`an event schema must not use the Avro type ${type.typeName}`);
  }
}
