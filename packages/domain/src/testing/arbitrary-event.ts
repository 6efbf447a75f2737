import { bundledSchemas, EventCatalogue, type AnyEvent } from '@dits/contracts';
import type avsc from 'avsc';
import fc from 'fast-check';

/** How large the lists and texts of a generated event get. */
export interface EventSizes {
  maxItems?: number;
  maxTextLength?: number;
}

/** Any event of any known type with its name, as decoded from Avro: absent fields are null. */
export function arbitraryEvent(sizes: EventSizes = {}): fc.Arbitrary<{ name: string; event: AnyEvent }> {
  const types = new EventCatalogue(bundledSchemas).all;
  return fc.oneof(
    ...types.map((type) => {
      const event = fc
        .tuple(arbitraryOf(type.type, sizes), fc.uuid(), arbitraryTime)
        .map(([record, event_id, occurred_at]) => ({ ...(record as AnyEvent), event_id, occurred_at }));
      return fc.record({ name: fc.constant(type.event), event });
    }),
  );
}

const arbitraryTime = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());

function arbitraryOf(type: avsc.Type, sizes: EventSizes): fc.Arbitrary<unknown> {
  const { maxItems = 5, maxTextLength = 40 } = sizes;
  if (type.typeName.startsWith('union:')) {
    return fc.oneof(
      ...(type as avsc.types.UnwrappedUnionType).types.map((branch) => arbitraryOf(branch, sizes)),
    );
  }
  switch (type.typeName) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'long':
    case 'abstract:long':
      return fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 2 ** 31, 2 ** 52, Number.MAX_SAFE_INTEGER));
    case 'string':
      return fc.oneof(
        fc.string({ unit: 'binary', maxLength: maxTextLength, size: 'max' }),
        fc.string({
          unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u2028', 'é', '漢', '🎬', 'a'),
          maxLength: maxTextLength,
          size: 'max',
        }),
      );
    case 'array':
      return fc.array(arbitraryOf((type as avsc.types.ArrayType).itemsType, sizes), {
        maxLength: maxItems,
        size: 'max',
      });
    case 'record': {
      const { fields } = type as avsc.types.RecordType;
      return fc.record(
        Object.fromEntries(fields.map((field) => [field.name, arbitraryOf(field.type, sizes)])),
        {
          noNullPrototype: true,
        },
      );
    }
    default:
      throw new Error(`an event schema must not use the Avro type ${type.typeName}`);
  }
}
