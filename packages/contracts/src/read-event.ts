import type avsc from 'avsc';
import type { AnyEvent, EventCatalogue, EventType } from './catalogue.js';

/** What is wrong with one value: where (`commits[3].id`; empty for the whole) and what. */
export interface Problem {
  path: string;
  message: string;
}

export type ReadEventResult =
  { kind: 'event'; type: EventType; event: AnyEvent } | { kind: 'problems'; problems: Problem[] };

/** Values for the two fields that a producer may leave to the gateway. */
export interface EventDefaults {
  eventId: () => string;
  occurredAt: () => string;
}

const MAX_PROBLEMS = 20;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// RFC 3339 date-time.
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Reads an event as JSON has it: `{event, repository, sender, …}`.
 *
 * Checks it against the schema of its type and returns a value that Avro can encode, or up to 20 problems, each with
 * its path. `null` counts as absent. A field that the schema does not know is a problem: a typo must not vanish.
 * Strings must be well-formed Unicode, integers within ±(2^53-1), ids not negative.
 */
export function readEvent(
  json: unknown,
  catalogue: EventCatalogue,
  defaults: EventDefaults,
): ReadEventResult {
  if (!isObject(json)) return { kind: 'problems', problems: [{ path: '', message: 'must be an object' }] };
  const { event: name, ...fields } = json;
  if (typeof name !== 'string') {
    return {
      kind: 'problems',
      problems: [{ path: 'event', message: name === undefined ? 'is required' : 'must be a string' }],
    };
  }
  const type = catalogue.find(name);
  if (!type) {
    const known = catalogue.all.map((t) => t.event).join(', ');
    return {
      kind: 'problems',
      problems: [{ path: 'event', message: `is not a known event; known are ${known}` }],
    };
  }
  fields.event_id ??= defaults.eventId();
  if (typeof fields.event_id === 'string') fields.event_id = fields.event_id.toLowerCase();
  fields.occurred_at ??= defaults.occurredAt();
  const problems: Problem[] = [];
  const event = readRecord(fields, type.type, '', problems) as AnyEvent;
  problems.push(...checkEvent(event));
  return problems.length > 0
    ? { kind: 'problems', problems: problems.slice(0, MAX_PROBLEMS) }
    : { kind: 'event', type, event };
}

/**
 * Checks of an event that its Avro schema can't express, wherever the event came from: ids, times, and texts that
 * would not survive JSON. Empty when all is well.
 */
export function checkEvent(event: Partial<AnyEvent>): Problem[] {
  const problems: Problem[] = [];
  if (typeof event.event_id === 'string' && !UUID.test(event.event_id)) {
    problems.push({ path: 'event_id', message: 'must be a UUID in lower case' });
  }
  if (typeof event.occurred_at === 'string' && !isRfc3339(event.occurred_at)) {
    problems.push({ path: 'occurred_at', message: 'must be an RFC 3339 time such as 2026-11-25T09:12:14Z' });
  }
  const walk = (value: unknown, path: string): void => {
    if (problems.length >= MAX_PROBLEMS) return;
    if (typeof value === 'string') {
      if (!value.isWellFormed())
        problems.push({ path, message: 'must be well-formed Unicode (it holds a lone surrogate)' });
    } else if (typeof value === 'number') {
      if (!Number.isSafeInteger(value))
        problems.push({ path, message: 'must be an integer within ±(2^53-1)' });
      else if (value < 0 && /(^|\.)id$/.test(path)) problems.push({ path, message: 'must not be negative' });
    } else if (Array.isArray(value)) value.forEach((item, i) => walk(item, `${path}[${i}]`));
    else if (isObject(value)) for (const [key, item] of Object.entries(value)) walk(item, join(path, key));
  };
  walk(event, '');
  return problems;
}

function readRecord(
  json: Record<string, unknown>,
  type: avsc.types.RecordType,
  path: string,
  problems: Problem[],
): unknown {
  const record: Record<string, unknown> = {};
  const known = new Set<string>();
  for (const field of type.fields) {
    known.add(field.name);
    record[field.name] = readValue(
      json[field.name] ?? undefined,
      field.type,
      join(path, field.name),
      problems,
    );
  }
  for (const key of Object.keys(json)) {
    if (problems.length >= MAX_PROBLEMS) break;
    if (!known.has(key)) problems.push({ path: join(path, key), message: 'is not a field of this event' });
  }
  return record;
}

function readValue(json: unknown, type: avsc.Type, path: string, problems: Problem[]): unknown {
  const wrong = (message: string): undefined => void problems.push({ path, message });
  if (type.typeName.startsWith('union:')) {
    const branches = (type as avsc.types.UnwrappedUnionType).types;
    if (json === undefined || json === null)
      return branches.some((b) => b.typeName === 'null') ? null : wrong('is required');
    const others = branches.filter((b) => b.typeName !== 'null');
    if (others.length === 1) return readValue(json, others[0]!, path, problems);
    const fitting = others.find((branch) => fits(json, branch));
    if (!fitting) return wrong(`must be ${others.map((b) => nameOf(b)).join(' or ')}`);
    return readValue(json, fitting, path, problems);
  }
  if (json === undefined || json === null) return wrong('is required');
  if (!fits(json, type)) return wrong(`must be ${nameOf(type)}`);
  switch (type.typeName) {
    case 'record':
      return readRecord(json as Record<string, unknown>, type as avsc.types.RecordType, path, problems);
    case 'array': {
      const { itemsType } = type as avsc.types.ArrayType;
      const items: unknown[] = [];
      for (const [i, item] of (json as unknown[]).entries()) {
        if (problems.length >= MAX_PROBLEMS) break;
        items.push(readValue(item, itemsType, `${path}[${i}]`, problems));
      }
      return items;
    }
    default:
      // -0 is written as 0 by Avro and by JSON; keep one zero.
      return json === 0 ? 0 : json;
  }
}

function fits(json: unknown, type: avsc.Type): boolean {
  switch (type.typeName) {
    case 'string':
      return typeof json === 'string';
    case 'boolean':
      return typeof json === 'boolean';
    case 'abstract:long':
      return typeof json === 'number';
    case 'int':
      return typeof json === 'number' && json === (json | 0);
    case 'array':
      return Array.isArray(json);
    case 'enum':
      return (type as avsc.types.EnumType).symbols.includes(json as string);
    case 'record':
      return isObject(json);
    default:
      throw new Error(`an event schema must not use the Avro type ${type.typeName}`);
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
      return 'an integer within ±(2^53-1)';
  }
}

function isRfc3339(text: string): boolean {
  return RFC3339.test(text) && !Number.isNaN(Date.parse(text));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function join(path: string, key: string): string {
  return path ? `${path}.${key}` : key;
}
