import type avsc from 'avsc';

/**
 * Values of a record type that between them have every field absent and set, every branch and every symbol: one with the
 * least that is allowed, then as many full ones as the longest choice has options. Always the same for the same type.
 */
export function sampleValues(type: avsc.types.RecordType): unknown[] {
  const least = valueOf(type, { name: type.name!, variant: null });
  const full = Array.from({ length: mostChoices(type) }, (_, variant) =>
    valueOf(type, { name: type.name!, variant }),
  );
  return [least, ...full];
}

interface Wanted {
  /** Of the field. */
  name: string;
  /** Null for the least. */
  variant: number | null;
}

const LONGS = [2 ** 53 - 1, 2 ** 52, 2 ** 31, 1];
const INTS = [2 ** 31 - 1, 1, 200, 0];

function valueOf(type: avsc.Type, { name, variant }: Wanted): unknown {
  const turn = variant ?? 0;
  const of = <T>(choices: T[]): T => choices[turn % choices.length]!;
  if (type.typeName.startsWith('union:')) {
    const [, ...branches] = (type as avsc.types.UnwrappedUnionType).types;
    return variant === null ? null : valueOf(of(branches), { name, variant });
  }
  switch (type.typeName) {
    case 'record': {
      const { fields } = type as avsc.types.RecordType;
      return Object.fromEntries(fields.map((f) => [f.name, valueOf(f.type, { name: f.name, variant })]));
    }
    case 'array': {
      const { itemsType } = type as avsc.types.ArrayType;
      return variant === null ? [] : [turn, turn + 1].map((v) => valueOf(itemsType, { name, variant: v }));
    }
    case 'map': {
      const { valuesType } = type as avsc.Type & { valuesType: avsc.Type };
      return variant === null
        ? {}
        : { 'a key 🎬': valueOf(valuesType, { name, variant }), '': valueOf(valuesType, { name, variant }) };
    }
    case 'enum':
      return of((type as avsc.types.EnumType).symbols);
    case 'string':
      return textOf(name, variant);
    case 'boolean':
      return variant !== null && turn % 2 === 0;
    case 'abstract:long':
      return variant === null ? 0 : of(LONGS);
    case 'int':
      return variant === null ? 0 : of(INTS);
    case 'double':
      return variant === null ? 0 : 12.5 + turn;
    case 'bytes':
      return variant === null ? Buffer.alloc(0) : Buffer.from([0, 255, 128, 10, turn]);
    default:
      throw new Error(`no sample value for ${type.typeName}: add one`);
  }
}

function textOf(name: string, variant: number | null): string {
  // What checkDecodedEvent looks at.
  if (name === 'event_id') return `0191d3a0-5b7c-7c1e-8f3a-00000000000${variant ?? 0}`;
  if (name === 'occurred_at') return '2026-11-25T09:12:14Z';
  return variant === null ? '' : `${name} ${variant}: "é 🎬"\\\n\u2028\u0000`;
}

function mostChoices(type: avsc.Type): number {
  if (type.typeName.startsWith('union:')) {
    const [, ...branches] = (type as avsc.types.UnwrappedUnionType).types;
    return Math.max(branches.length, ...branches.map(mostChoices));
  }
  switch (type.typeName) {
    case 'record':
      return Math.max(1, ...(type as avsc.types.RecordType).fields.map((field) => mostChoices(field.type)));
    case 'array':
      return mostChoices((type as avsc.types.ArrayType).itemsType);
    case 'map':
      return mostChoices((type as avsc.Type & { valuesType: avsc.Type }).valuesType);
    case 'enum':
      return (type as avsc.types.EnumType).symbols.length;
    default:
      return 1;
  }
}
