import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readGoldens, schemasFolder } from '../goldens.ts';
import type { AvroSchema, RecordSchema, SchemaBundle } from './bundle-schemas.js';
import { bundledSchemas } from './generated/schemas.gen.js';
import { schemaProblems, unreleased } from './released-schemas.js';
import { brokenRules } from './schema-rules.js';

const allReleased = readGoldens();
const released = allReleased.filter(({ version }) => version === 1);
/** The schemas of version 1, so that what grows later does not matter here. */
const versionOne: SchemaBundle = { events: [], internal: [], records: {} };
for (const { name, schema } of released) {
  const [kind, file] = name.split('/') as [string, string];
  if (kind === 'events') versionOne.events.push({ event: file, schema, example: {} });
  else versionOne.records[file] = schema;
}

interface Node {
  name: string;
  namespace: string;
  symbols: string[];
  type: AvroSchema;
  fields: (RecordSchema['fields'][number] & { type: never })[];
}
const fieldOf = (schema: unknown, name: string) =>
  (schema as Node).fields.find((field) => field.name === name)!;

/** Version 1 with push and delivery changed. */
function planted(change: (schemas: { push: Node; delivery: Node }) => void): SchemaBundle {
  const bundle = structuredClone(versionOne);
  change({
    push: bundle.events.find(({ event }) => event === 'push')!.schema as unknown as Node,
    delivery: bundle.records['delivery'] as unknown as Node,
  });
  return bundle;
}
const aField = (name: string, type: AvroSchema, more: object = {}) => ({ name, type, ...more }) as never;
const optional = (name: string, type: AvroSchema = 'string') =>
  aField(name, ['null', type], { default: null });

describe('a schema that may be released', () => {
  it('is every one of today', () => {
    expect(schemaProblems(bundledSchemas, allReleased)).toEqual([]);
  });

  it.each<[string, Parameters<typeof planted>[0]]>([
    ['an optional field at the end', ({ push }) => push.fields.push(optional('pipeline'))],
    ['an optional field in the middle', ({ push }) => push.fields.splice(3, 0, optional('bytes', 'long'))],
    [
      'an optional field of a shared type',
      ({ push }) => (fieldOf(push, 'repository').type as Node).fields.splice(1, 0, optional('topic')),
    ],
    [
      'an optional list of records',
      ({ push }) =>
        push.fields.push(
          optional('checks', {
            type: 'array',
            items: { type: 'record', name: 'Check', namespace: 'io.dits.types', fields: [optional('state')] },
          }),
        ),
    ],
    ['an optional field of a record of ours', ({ delivery }) => delivery.fields.push(optional('region'))],
  ])('has %s more, and is then to be released', (_, change) => {
    const bundle = planted(change);
    expect(schemaProblems(bundle, released)).toEqual([]);
    expect(unreleased(bundle, released)).toHaveLength(1);
  });

  it('may say it in other words without being released again', () => {
    const bundle = planted(({ push }) => Object.assign(fieldOf(push, 'ref'), { doc: 'Another text.' }));
    expect(unreleased(bundle, released)).toEqual([]);
  });
});

describe('a schema that is refused', () => {
  it.each<[string, Parameters<typeof planted>[0], string]>([
    [
      'a field is gone',
      ({ push }) => push.fields.splice(1, 1),
      'schemas/events/push.avsc, against version 1: sender: is gone; a released field stays',
    ],
    [
      'an optional field is gone',
      ({ push }) => void (push.fields = push.fields.filter(({ name }) => name !== 'compare_url')),
      'schemas/events/push.avsc, against version 1: compare_url: is gone; a released field stays',
    ],
    [
      'a field is required that was not there',
      ({ push }) => push.fields.push(aField('needed', 'string')),
      'needed: is new and not optional; make it ["null", …] with "default": null',
    ],
    [
      'a new field has another default than null',
      ({ push }) => push.fields.push(aField('count', 'long', { default: 0 })),
      'count: is new and not optional',
    ],
    [
      'a type changed',
      ({ push }) => Object.assign(fieldOf(push, 'event_id'), { type: 'long' }),
      'event_id: was string and is long; a field keeps its type, add another one instead',
    ],
    [
      'a type changed in a way that Avro takes both ways',
      ({ push }) => Object.assign(fieldOf(push, 'event_id'), { type: 'bytes' }),
      'event_id: bytes has no place in JSON',
    ],
    [
      'the same in a record of ours',
      ({ delivery }) => Object.assign(fieldOf(delivery, 'event'), { type: 'bytes' }),
      'event: was string and is bytes',
    ],
    [
      'an int became a long',
      ({ delivery }) => Object.assign(fieldOf(delivery, 'attempt'), { type: 'long' }),
      'attempt: was int and is long',
    ],
    [
      'a required field became optional',
      ({ push }) => Object.assign(fieldOf(push, 'occurred_at'), { type: ['null', 'string'], default: null }),
      'occurred_at: was string and is union of null, string',
    ],
    [
      'a default changed',
      ({ delivery }) => Object.assign(fieldOf(delivery, 'deferrals'), { default: 1 }),
      'deferrals: its default was 0 and is 1; it stays',
    ],
    [
      'an enum has a symbol more',
      ({ delivery }) => (fieldOf(delivery, 'trigger').type as Node).symbols.push('schedule'),
      'trigger: has the new symbols schedule, which older readers refuse; a list that grows is a string',
    ],
    [
      'an enum has a symbol less',
      ({ delivery }) => (fieldOf(delivery, 'trigger').type as Node).symbols.pop(),
      'trigger: lost the symbols ping, which older records have',
    ],
    [
      'a record was renamed',
      ({ push }) => Object.assign(push, { name: 'Pushed' }),
      'was named io.dits.events.Push and is io.dits.events.Pushed; a type keeps its name',
    ],
    [
      'a nested record was renamed',
      ({ push }) => Object.assign(fieldOf(push, 'sender').type, { name: 'Sender' }),
      'sender: was named io.dits.types.User and is io.dits.types.Sender',
    ],
    [
      'a union has a branch more',
      ({ push }) => (fieldOf(push, 'ref').type as AvroSchema[]).push('long'),
      'ref: was a union of null, string and is one of null, string, long; add another field instead',
    ],
  ])('when %s', (_, change, message) => {
    const problems = schemaProblems(planted(change), released);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });

  it('when it is gone', () => {
    const bundle = structuredClone(versionOne);
    bundle.events = bundle.events.filter(({ event }) => event !== 'lock.acquired');
    expect(schemaProblems(bundle, released)).toEqual([
      'schemas/events/lock.acquired.avsc: was released and is gone; records of it exist',
    ]);
  });

  it('when it fits the newest version and not one before', () => {
    const older = structuredClone(released.find(({ name }) => name === 'events/push')!.schema);
    older.fields.push({ name: 'compare', type: ['null', 'string'], default: null });
    const versions = [
      { name: 'events/push', version: 1, schema: older },
      ...released.map((golden) => ({ ...golden, version: 2 })),
    ];
    expect(schemaProblems(versionOne, versions)).toEqual([
      'schemas/events/push.avsc, against version 1: compare: is gone; a released field stays',
    ]);
  });
});

describe('a house rule', () => {
  it.each<[string, 'event' | 'record', object, string]>([
    [
      'null first',
      'record',
      aField('a', ['string', 'null'], { default: null }),
      'a: null must be the first branch',
    ],
    ['null as default', 'record', aField('a', ['null', 'string']), 'a: its default must be null'],
    [
      'one kind of number',
      'record',
      optionalOf('long', 'double'),
      'a: two branches are of one kind (number)',
    ],
    [
      'one record',
      'event',
      optionalOf(aRecord('A'), aRecord('B')),
      'a: two branches are of one kind (object)',
    ],
    [
      'text once',
      'event',
      optionalOf('string', { type: 'enum', name: 'E', symbols: ['s'] }),
      'two branches are of one kind (text)',
    ],
    [
      'no union in a list',
      'event',
      aField('a', { type: 'array', items: ['null', 'string'] }),
      'a[]: a union may only be the type of a field',
    ],
    [
      'no union in a list in a union',
      'event',
      optional('a', { type: 'array', items: ['null', 'string'] }),
      'a[]: a union may only be the type of a field',
    ],
    [
      'no decimals',
      'record',
      aField('a', { type: 'bytes', logicalType: 'decimal', precision: 4 }),
      'a: the logical type decimal is not read as such',
    ],
    ['no fixed', 'record', aField('a', { type: 'fixed', name: 'F', size: 4 }), 'a: fixed is not used here'],
    ['no fractions in events', 'event', aField('a', 'double'), 'a: double has no place in JSON'],
    [
      'no maps in events',
      'event',
      aField('a', { type: 'map', values: 'string' }),
      'a: map has no place in JSON',
    ],
    [
      'nested as well',
      'event',
      aField('a', aRecord('A', aField('b', ['null', 'long']))),
      'a.b: its default must be null',
    ],
    ['valid Avro', 'record', aField('a', 'io.dits.types.Nobody'), 'is not valid Avro'],
  ])('is %s', (_, kind, field, message) => {
    const schema = { ...aRecord('Planted', field), doc: '' } as unknown as RecordSchema;
    const broken = brokenRules(schema, kind);
    expect(broken[0]).toContain(message);
  });

  function aRecord(name: string, ...fields: object[]) {
    return { type: 'record', name, namespace: 'io.dits.test', fields };
  }
  function optionalOf(...branches: AvroSchema[]) {
    return aField('a', ['null', ...branches], { default: null });
  }
});

describe('the commands', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dits-schemas-'));
    cpSync(schemasFolder, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (script: string) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const path = join(import.meta.dirname, '..', script);
      execFile(process.execPath, [path, '--schemas', folder], (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
      );
    });
  const edit = (path: string, change: (text: string) => string) =>
    writeFileSync(join(folder, path), change(readFileSync(join(folder, path), 'utf8')));

  it('refuse a planted incompatible change, each file that has it, and release nothing', async () => {
    edit('types/user.avsc', (text) => text.replace('"login"', '"handle"'));
    const { code, output } = await run('check-compatibility.ts');
    expect(code).toBe(1);
    for (const event of ['push', 'repo.created'])
      expect(output).toMatch(
        new RegExp(`schemas/events/${event}.avsc, against version \\d+: sender.login: is gone`),
      );
    expect(output).toContain('docs/schemas.md');
    expect(await run('release-schemas.ts')).toMatchObject({ code: 1 });
    expect(readGoldens(folder)).toEqual(allReleased);
  }, 30_000);

  it('ask for the release of a change, and release only that, once, leaving the versions before as they are', async () => {
    await run('release-schemas.ts');
    const earlier = readGoldens(folder);
    const next = Math.max(...earlier.map(({ version }) => version)) + 1;
    const field = '{"name":"reason","type":["null","string"],"default":null,"doc":"Why."},';
    edit('events/lock.acquired.avsc', (text) => text.replace('"fields": [', `"fields": [${field}`));
    const before = await run('check-compatibility.ts');
    expect(before.code).toBe(1);
    expect(before.output).toMatch(/^schemas\/events\/lock\.acquired\.avsc: not released as it is/);

    expect(await run('release-schemas.ts')).toMatchObject({ code: 0 });
    const goldens = readGoldens(folder);
    expect(goldens.filter(({ version }) => version < next)).toEqual(earlier);
    expect(goldens.filter(({ version }) => version === next).map(({ name }) => name)).toEqual([
      'events/lock.acquired',
    ]);
    expect(await run('check-compatibility.ts')).toMatchObject({ code: 0 });
    expect((await run('release-schemas.ts')).output).toContain('nothing to release');
    expect(readGoldens(folder)).toEqual(goldens);
  }, 30_000);
});
