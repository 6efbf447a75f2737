import type { AvroSchema, RecordSchema } from './bundle-schemas.js';
import { avroType } from './record-types.js';

// What of Avro is JSON as receivers read it, and what `readEvent` understands.
const EVENT_TYPES = new Set(['null', 'boolean', 'int', 'long', 'string', 'array', 'enum', 'record']);
/** Types that look alike once they are JavaScript values. */
const KINDS: Record<string, string> = {
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  string: 'text',
  enum: 'text',
  record: 'object',
  map: 'object',
};

/** Where a type stands: only the type of a field may be a union. */
type Place = 'field' | 'branch' | 'item';

/**
 * What a schema does that Avro allows and we don't, one line each with its place; empty when it is fine.
 *
 * Unions have null first and as default, stand nowhere but as the type of a field, and have no two branches that look
 * alike as values. No logical types (a decimal reads as bytes), no fixed; events only what JSON has.
 */
export function brokenRules(schema: RecordSchema, kind: 'event' | 'record'): string[] {
  const broken: string[] = [];
  const complain = (path: string, what: string): void => void broken.push(path ? `${path}: ${what}` : what);

  const walk = (type: AvroSchema, path: string, place: Place): void => {
    if (Array.isArray(type)) return walkUnion(type, path, place);
    const node = typeof type === 'string' ? { type } : type;
    const name = node.type as string;
    if ('logicalType' in node)
      complain(path, `the logical type ${String(node.logicalType)} is not read as such; take a plain type`);
    if (name === 'fixed') complain(path, 'fixed is not used here; take bytes');
    // A name with a dot stands for a type that was defined before.
    else if (kind === 'event' && !EVENT_TYPES.has(name) && !name.includes('.'))
      complain(path, `${name} has no place in JSON; events take ${[...EVENT_TYPES].join(', ')}`);
    if (name === 'array') walk(node.items as AvroSchema, `${path}[]`, 'item');
    if (name === 'map') walk(node.values as AvroSchema, `${path}{}`, 'item');
    if (name === 'record') for (const field of (node as RecordSchema).fields) walkField(field, path);
  };
  const walkField = (field: RecordSchema['fields'][number], path: string): void => {
    const at = path ? `${path}.${field.name}` : field.name;
    walk(field.type, at, 'field');
    if (Array.isArray(field.type) && field.default !== null) complain(at, 'its default must be null');
  };
  const walkUnion = (branches: AvroSchema[], path: string, place: Place): void => {
    if (place !== 'field') complain(path, 'a union may only be the type of a field');
    if (branches[0] !== 'null') complain(path, 'null must be the first branch of a union');
    const kinds = branches.map((branch) => {
      const name =
        typeof branch === 'string' ? branch : Array.isArray(branch) ? 'union' : String(branch.type);
      return KINDS[name] ?? (name.includes('.') ? 'object' : name);
    });
    const alike = kinds.find((each, i) => kinds.indexOf(each) !== i);
    if (alike) complain(path, `two branches are of one kind (${alike}), and a value does not say which`);
    for (const branch of branches) walk(branch, path, 'branch');
  };

  walk(schema, '', 'field');
  if (broken.length > 0) return broken;
  try {
    avroType(schema);
  } catch (error) {
    complain('', `is not valid Avro: ${(error as Error).message}`);
  }
  return broken;
}
