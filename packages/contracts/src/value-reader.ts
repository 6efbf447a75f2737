import type avsc from 'avsc';

/** What is wrong with one value: where (`commits[3].id`; empty for the whole) and what. */
export interface Problem {
  path: string;
  message: string;
}

/** The problems found, up to a number, and where the reading is. */
export class Findings {
  readonly problems: Problem[] = [];
  private readonly at: (string | number)[] = [];

  constructor(private readonly maxProblems: number) {}

  get isFull(): boolean {
    return this.problems.length >= this.maxProblems;
  }

  enter(step: string | number): void {
    this.at.push(step);
  }

  leave(): void {
    this.at.pop();
  }

  /** Notes a problem at the place where the reading is, or at a field of it. */
  add(message: string, field?: string): undefined {
    if (this.isFull) return;
    this.problems.push({ path: pathOf(field === undefined ? this.at : [...this.at, field]), message });
  }
}

/** Reads a value of one type from JSON; what is wrong goes to the findings. */
export type ValueReader = (json: unknown, findings: Findings) => unknown;

const NEGATIVE = 'must not be negative';
const LONG = 'must be an integer within ±(2^53-1)';

const readers = new WeakMap<avsc.Type, ValueReader>();

/**
 * Makes the reader of a type, once: reading an event type by type name, value by value, took half of the gateway's time.
 * Throws an `Error` when the type is none that events may use.
 */
export function readerOf(type: avsc.Type): ValueReader {
  let reader = readers.get(type);
  if (!reader) readers.set(type, (reader = compile(type)));
  return reader;
}

function compile(type: avsc.Type): ValueReader {
  if (type.typeName.startsWith('union:')) return unionReader(type as avsc.types.UnwrappedUnionType);
  const read = compileValue(type);
  return (json, findings) => (json == null ? findings.add('is required') : read(json, findings));
}

/** The reader of a type for a value that is there. */
function compileValue(type: avsc.Type): ValueReader {
  const wrong = `must be ${nameOf(type)}`;
  switch (type.typeName) {
    case 'string':
      return (json, findings) => {
        if (typeof json !== 'string') return findings.add(wrong);
        if (!json.isWellFormed())
          return findings.add('must be well-formed Unicode (it holds a lone surrogate)');
        return json;
      };
    case 'abstract:long':
    case 'int':
      return (json, findings) => {
        if (!type.isValid(json)) return findings.add(wrong);
        // -0 is written as 0 by Avro and by JSON; keep one zero.
        return json === 0 ? 0 : json;
      };
    case 'array':
      return arrayReader((type as avsc.types.ArrayType).itemsType, wrong);
    case 'record':
      return recordReader(type as avsc.types.RecordType, wrong);
    case 'boolean':
    case 'enum':
      return (json, findings) => (type.isValid(json) ? json : findings.add(wrong));
    default:
      throw new Error(`an event schema must not use the Avro type ${type.typeName}`);
  }
}

function unionReader({ types }: avsc.types.UnwrappedUnionType): ValueReader {
  const isOptional = types.some(({ typeName }) => typeName === 'null');
  const branches = types.filter(({ typeName }) => typeName !== 'null');
  const absent = (findings: Findings): unknown => (isOptional ? null : findings.add('is required'));
  if (branches.length === 1) {
    const read = compileValue(branches[0]!);
    return (json, findings) => (json == null ? absent(findings) : read(json, findings));
  }
  const wrong = `must be ${branches.map((branch) => nameOf(branch)).join(' or ')}`;
  const choices = branches.map((branch) => ({ fits: fitOf(branch), read: compileValue(branch) }));
  return (json, findings) => {
    if (json == null) return absent(findings);
    const choice = choices.find(({ fits }) => fits(json));
    return choice ? choice.read(json, findings) : findings.add(wrong);
  };
}

function arrayReader(itemsType: avsc.Type, wrong: string): ValueReader {
  const read = readerOf(itemsType);
  return (json, findings) => {
    if (!Array.isArray(json)) return findings.add(wrong);
    // Not an array that grows: that takes room for 17, and most lists of a push have one or two.
    return json.map((item, i) => {
      if (findings.isFull) return undefined;
      findings.enter(i);
      const value = read(item, findings);
      findings.leave();
      return value;
    });
  };
}

function recordReader(type: avsc.types.RecordType, wrong: string): ValueReader {
  const fields = type.fields.map(({ name, type: fieldType }) => ({
    name,
    read: readerOf(fieldType),
    isId: name === 'id',
  }));
  const known = new Set(fields.map(({ name }) => name));
  return (json, findings) => {
    if (!isObject(json)) return findings.add(wrong);
    const record: Record<string, unknown> = {};
    for (const { name, read, isId } of fields) {
      if (findings.isFull) break;
      findings.enter(name);
      // Own fields alone: a field named like something every object inherits is absent when it is.
      const value = read(Object.hasOwn(json, name) ? json[name] : undefined, findings);
      if (isId && typeof value === 'number' && value < 0) findings.add(NEGATIVE);
      record[name] = value;
      findings.leave();
    }
    for (const name of Object.keys(json)) {
      if (!known.has(name)) findings.add('is not a field of this event', name);
    }
    return record;
  };
}

/** Whether a value is of a branch's kind: which branch is meant, not whether it is right. */
function fitOf(type: avsc.Type): (json: unknown) => boolean {
  switch (type.typeName) {
    case 'string':
      return (json) => typeof json === 'string';
    case 'abstract:long':
      return (json) => typeof json === 'number';
    case 'array':
      return Array.isArray;
    case 'record':
      return isObject;
    default:
      return (json) => type.isValid(json);
  }
}

function nameOf(type: avsc.Type): string {
  switch (type.typeName) {
    case 'string':
      return 'a string';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'enum':
      return `one of ${(type as avsc.types.EnumType).symbols.join(', ')}`;
    case 'record':
      return 'an object';
    case 'int':
      return 'an integer from -2^31 to 2^31-1';
    default:
      return LONG.slice('must be '.length);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function pathOf(steps: readonly (string | number)[]): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === 'number') return `${path}[${step}]`;
    return path === '' ? step : `${path}.${step}`;
  }, '');
}
