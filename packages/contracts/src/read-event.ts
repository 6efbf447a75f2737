import type avsc from 'avsc';
import type { AnyEvent, EventCatalogue, EventType } from './catalogue.js';
import { Findings, isObject, readerOf, type Problem } from './value-reader.js';

export type { Problem } from './value-reader.js';

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
  const findings = new Findings(MAX_PROBLEMS);
  const event = readerOf(type.type)(fields, findings) as AnyEvent;
  checkIdAndTime(event, findings);
  const { problems } = findings;
  return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'event', type, event };
}

/**
 * Checks of an event decoded from Avro by this package's types that its schema can't express: its id and time, and that no
 * id is negative. (That integers are exact and texts are UTF-8 is seen while decoding.) Empty when all is well.
 */
export function checkDecodedEvent(event: AnyEvent, type: avsc.Type): Problem[] {
  const findings = new Findings(MAX_PROBLEMS);
  idCheckOf(type)?.(event, findings);
  checkIdAndTime(event, findings);
  return findings.problems;
}

function checkIdAndTime({ event_id, occurred_at }: Partial<AnyEvent>, findings: Findings): void {
  if (typeof event_id === 'string' && !UUID.test(event_id)) {
    findings.add('must be a UUID in lower case', 'event_id');
  }
  if (typeof occurred_at === 'string' && !isRfc3339(occurred_at)) {
    findings.add('must be an RFC 3339 time such as 2026-11-25T09:12:14Z', 'occurred_at');
  }
}

type IdCheck = (value: unknown, findings: Findings) => void;

const idChecks = new WeakMap<avsc.Type, IdCheck | { none: true }>();

/** What looks for negative ids in values of a type; null when the type has no place for one. */
function idCheckOf(type: avsc.Type): IdCheck | null {
  let check = idChecks.get(type);
  if (!check) idChecks.set(type, (check = compileIdCheck(type) ?? { none: true }));
  return typeof check === 'function' ? check : null;
}

function compileIdCheck(type: avsc.Type): IdCheck | null {
  if (type.typeName.startsWith('union:')) {
    const checks = (type as avsc.types.UnwrappedUnionType).types.flatMap((branch) => idCheckOf(branch) ?? []);
    if (checks.length === 0) return null;
    return (value, findings) => checks.forEach((check) => check(value, findings));
  }
  if (type.typeName === 'array') {
    const check = idCheckOf((type as avsc.types.ArrayType).itemsType);
    if (!check) return null;
    return (value, findings) => {
      if (!Array.isArray(value)) return;
      for (const [i, item] of value.entries()) {
        findings.enter(i);
        check(item, findings);
        findings.leave();
      }
    };
  }
  if (type.typeName !== 'record') return null;
  const fields = (type as avsc.types.RecordType).fields.flatMap(({ name, type: fieldType }) => {
    const check = name === 'id' ? refuseNegative : idCheckOf(fieldType);
    return check ? [{ name, check }] : [];
  });
  if (fields.length === 0) return null;
  return (value, findings) => {
    if (!isObject(value)) return;
    for (const { name, check } of fields) {
      findings.enter(name);
      check(value[name], findings);
      findings.leave();
    }
  };
}

function refuseNegative(value: unknown, findings: Findings): void {
  if (typeof value === 'number' && value < 0) findings.add('must not be negative');
}

function isRfc3339(text: string): boolean {
  return RFC3339.test(text) && !Number.isNaN(Date.parse(text));
}
