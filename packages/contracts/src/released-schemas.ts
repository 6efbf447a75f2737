import type { RecordSchema, SchemaBundle } from './bundle-schemas.js';
import { incompatibilities } from './schema-compatibility.js';
import { brokenRules } from './schema-rules.js';

/** A schema as it was released under a version. */
export interface ReleasedSchema {
  /** `events/push`, `records/routed`: its file below `schemas/`. */
  name: string;
  /** From 1; one number for all schemas, and a version holds those that it changed. */
  version: number;
  /** As {@link contractOf} has it. */
  schema: RecordSchema;
}

/** The schemas of a bundle by name, as {@link contractOf} has them. */
export function contracts(bundle: SchemaBundle): Map<string, RecordSchema> {
  return new Map([
    ...[...bundle.events, ...bundle.internal].map(
      ({ event, schema }) => [`events/${event}`, contractOf(schema)] as const,
    ),
    ...Object.entries(bundle.records).map(
      ([name, schema]) => [`records/${name}`, contractOf(schema)] as const,
    ),
  ]);
}

/** A schema without its texts for people, which may change at any time. */
export function contractOf(schema: RecordSchema): RecordSchema {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === 'doc' ? undefined : value)),
  ) as RecordSchema;
}

/** Names of the schemas that no version holds as they are now. */
export function unreleased(bundle: SchemaBundle, released: ReleasedSchema[]): string[] {
  return [...contracts(bundle)]
    .filter(([name, schema]) => JSON.stringify(newest(name, released)?.schema) !== JSON.stringify(schema))
    .map(([name]) => name);
}

/**
 * Why the schemas of a bundle must not be released as they are, one line each with the file; empty when they may.
 *
 * Each has to keep the house rules, to be read by and to read every version before it, and to be there at all.
 */
export function schemaProblems(bundle: SchemaBundle, released: ReleasedSchema[]): string[] {
  const problems: string[] = [];
  const now = contracts(bundle);
  for (const [name, schema] of now) {
    const broken = brokenRules(schema, name.startsWith('events/') ? 'event' : 'record');
    problems.push(...broken.map((rule) => `schemas/${name}.avsc: ${rule}`));
    if (broken.length > 0) continue;
    const versions = released.filter((each) => each.name === name).sort((a, b) => b.version - a.version);
    for (const { version, schema: before } of versions) {
      const lines = incompatibilities(schema, before);
      problems.push(...lines.map((line) => `schemas/${name}.avsc, against version ${version}: ${line}`));
      // Older versions mostly say the same again.
      if (lines.length > 0) break;
    }
  }
  for (const name of new Set(released.map((each) => each.name))) {
    if (!now.has(name)) problems.push(`schemas/${name}.avsc: was released and is gone; records of it exist`);
  }
  return problems;
}

function newest(name: string, released: ReleasedSchema[]): ReleasedSchema | undefined {
  return released.filter((each) => each.name === name).sort((a, b) => b.version - a.version)[0];
}
