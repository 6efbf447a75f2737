import type avsc from 'avsc';
import type { RecordSchema } from './bundle-schemas.js';
import { avroType } from './record-types.js';

/**
 * Why a schema can't follow a released one, one line each with its place; empty when it can.
 *
 * Everything that was released stays as it is, and new fields are optional: that is what the registry's FULL_TRANSITIVE asks
 * for, and a little more (Avro takes bytes for string, and our code would not). Avro's own resolution has the last word.
 */
export function incompatibilities(current: RecordSchema, released: RecordSchema): string[] {
  const [now, before] = [avroType(current), avroType(released)];
  const found: string[] = [];
  const compared = new Set<string>();

  const compare = (is: avsc.Type, was: avsc.Type, path: string): void => {
    const complain = (what: string): void => void found.push(path ? `${path}: ${what}` : what);
    if (is.typeName !== was.typeName && !(isUnion(is) && isUnion(was))) {
      return complain(
        `was ${nameOf(was)} and is ${nameOf(is)}; a field keeps its type, add another one instead`,
      );
    }
    if (is.name !== was.name)
      return complain(`was named ${was.name} and is ${is.name}; a type keeps its name`);
    if (isRecord(is) && isRecord(was)) {
      if (compared.has(is.name!)) return;
      compared.add(is.name!);
      compareFields(is, was, path);
    } else if (isEnum(is) && isEnum(was)) {
      const added = is.symbols.filter((symbol) => !was.symbols.includes(symbol));
      const gone = was.symbols.filter((symbol) => !is.symbols.includes(symbol));
      if (added.length > 0)
        complain(
          `has the new symbols ${added.join(', ')}, which older readers refuse; a list that grows is a string`,
        );
      if (gone.length > 0) complain(`lost the symbols ${gone.join(', ')}, which older records have`);
    } else if (isUnion(is) && isUnion(was)) {
      const [branches, before] = [is, was].map(({ types }) => types.map(nameOf).join(', '));
      if (branches !== before)
        return complain(`was a union of ${before} and is one of ${branches}; add another field instead`);
      is.types.forEach((branch, i) => compare(branch, was.types[i]!, path));
    } else if (isArray(is) && isArray(was)) compare(is.itemsType, was.itemsType, `${path}[]`);
    else if (isMap(is) && isMap(was)) compare(is.valuesType, was.valuesType, `${path}{}`);
  };
  const compareFields = (is: avsc.types.RecordType, was: avsc.types.RecordType, path: string): void => {
    const at = (name: string): string => (path ? `${path}.${name}` : name);
    for (const field of was.fields) {
      const kept = is.fields.find(({ name }) => name === field.name);
      if (!kept) {
        found.push(`${at(field.name)}: is gone; a released field stays`);
        continue;
      }
      compare(kept.type, field.type, at(field.name));
      const [value, before] = [kept, field].map((each) => JSON.stringify(each.defaultValue() ?? null));
      if (value !== before)
        found.push(`${at(field.name)}: its default was ${before} and is ${value}; it stays`);
    }
    for (const field of is.fields) {
      if (was.fields.some(({ name }) => name === field.name)) continue;
      const isOptional = isUnion(field.type) && field.type.types[0]?.typeName === 'null';
      if (!isOptional || field.defaultValue() !== null)
        found.push(`${at(field.name)}: is new and not optional; make it ["null", …] with "default": null`);
    }
  };

  compare(now, before, '');
  if (found.length > 0) return found;
  return [
    ...unreadable(now, before, 'older records do not read'),
    ...unreadable(before, now, 'older readers do not read it'),
  ];
}

function unreadable(reader: avsc.Type, writer: avsc.Type, what: string): string[] {
  try {
    reader.createResolver(writer);
    return [];
  } catch (error) {
    return [`${what}: ${(error as Error).message}`];
  }
}

function nameOf(type: avsc.Type): string {
  if (type.name !== undefined) return type.name;
  if (isArray(type)) return `array of ${nameOf(type.itemsType)}`;
  if (isMap(type)) return `map of ${nameOf(type.valuesType)}`;
  if (isUnion(type)) return `union of ${type.types.map(nameOf).join(', ')}`;
  return type.typeName.replace('abstract:', '');
}

const isRecord = (type: avsc.Type): type is avsc.types.RecordType => type.typeName === 'record';
const isEnum = (type: avsc.Type): type is avsc.types.EnumType => type.typeName === 'enum';
const isArray = (type: avsc.Type): type is avsc.types.ArrayType => type.typeName === 'array';
// avsc's declarations have the values as `any`.
const isMap = (type: avsc.Type): type is avsc.Type & { valuesType: avsc.Type } => type.typeName === 'map';
const isUnion = (type: avsc.Type): type is avsc.types.UnwrappedUnionType =>
  type.typeName.startsWith('union:');
