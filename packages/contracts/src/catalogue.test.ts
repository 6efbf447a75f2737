import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { bundleSchemas } from './bundle-schemas.js';
import { EventCatalogue } from './catalogue.js';
import { bundledSchemas } from './generated/schemas.gen.js';
import { avroType } from './record-types.js';

const seedEvents = [
  'branch.created',
  'branch.deleted',
  'lock.acquired',
  'member.added',
  'member.removed',
  'push',
  'push.force',
  'push.tag',
  'repo.created',
  'repo.deleted',
  'repo.transferred',
  'repo.updated',
  'tag.created',
];

interface Field {
  name: string;
  type: unknown;
}

/** Adds a field, or gives it another type. */
const withField =
  (name: string, type: unknown) =>
  (fields: Field[]): Field[] => [...fields.filter((field) => field.name !== name), { name, type }];

function schemaFiles(): Record<string, string> {
  const root = join(import.meta.dirname, '../../../schemas');
  const files: Record<string, string> = {};
  for (const folder of ['events', 'types', 'records']) {
    for (const name of readdirSync(join(root, folder))) {
      files[`${folder}/${name}`] = readFileSync(join(root, folder, name), 'utf8');
    }
  }
  return files;
}

describe('EventCatalogue', () => {
  const catalogue = new EventCatalogue(bundledSchemas);

  it('knows the thirteen events of the seed', () => {
    expect(catalogue.all.map((type) => type.event)).toEqual(seedEvents);
  });

  it.each([
    ['push', true],
    ['push.*', true],
    ['*', true],
    ['repo.*', true],
    ['lock.acquired', true],
    ['*.created', false],
    ['pull', false],
    ['pull.*', false],
    ['push.', false],
    ['', false],
  ])('judges the pattern %j as %s', (pattern, valid) => {
    expect(catalogue.isPattern(pattern)).toBe(valid);
  });

  it('takes a made-up type from one file and its example', () => {
    const files = schemaFiles();
    files['events/render.finished.avsc'] = JSON.stringify({
      type: 'record',
      name: 'RenderFinished',
      namespace: 'io.dits.events',
      doc: 'A render ended.',
      event: 'render.finished',
      fields: [
        { name: 'repository', type: 'io.dits.types.Repository' },
        { name: 'sender', type: 'io.dits.types.User' },
        { name: 'frames', type: 'long' },
        { name: 'event_id', type: 'string' },
        { name: 'occurred_at', type: 'string' },
      ],
    });
    files['events/render.finished.example.json'] = JSON.stringify({ event: 'render.finished', frames: 240 });
    const larger = new EventCatalogue(bundleSchemas(files));
    expect(larger.find('render.finished')?.recordName).toBe('io.dits.events.RenderFinished');
    expect(larger.isPattern('render.*')).toBe(true);
  });

  it.each([
    ['without a sender', (fields: Field[]) => fields.filter(({ name }) => name !== 'sender'), '"sender"'],
    ['with a number for its id', withField('event_id', 'long'), '"event_id", of the type string'],
    ['with a field "event"', withField('event', 'string'), 'the field "event" is the name'],
    ['with a double', withField('rate', 'double'), "rate: an event can't have the Avro type double"],
    [
      'with a map inside a list',
      withField('frames', { type: 'array', items: { type: 'map', values: 'long' } }),
      "frames[]: an event can't have the Avro type map",
    ],
  ])('refuses a type %s at the start, not at its first event', (_, change, problem) => {
    const files = schemaFiles();
    const push = JSON.parse(files['events/push.avsc']!) as { fields: Field[] };
    files['events/push.avsc'] = JSON.stringify({ ...push, fields: change(push.fields) });
    expect(() => new EventCatalogue(bundleSchemas(files))).toThrow(problem);
    expect(() => new EventCatalogue(bundleSchemas(files))).toThrow('schemas/events/push.avsc: ');
  });

  it('names the file of a schema without its example', () => {
    const files = schemaFiles();
    delete files['events/push.example.json'];
    expect(() => bundleSchemas(files)).toThrow(
      'schemas/events/push.avsc: events/push.example.json is missing',
    );
  });
});

describe('schemas', () => {
  it('are bundled as the files have them', () => {
    expect(bundleSchemas(schemaFiles())).toEqual(bundledSchemas);
  });

  const all = [...bundledSchemas.events.map((e) => e.schema), ...Object.values(bundledSchemas.records)];

  it.each(all.map((schema) => [schema.name, schema] as const))(
    '%s puts null first and gives it as the default',
    (_, schema) => {
      for (const field of schema.fields) {
        if (!Array.isArray(field.type)) continue;
        expect([field.name, field.type[0], field.default]).toEqual([field.name, 'null', null]);
      }
    },
  );

  it.each(all.map((schema) => [schema.name, schema] as const))(
    '%s says what each field means',
    (_, schema) => {
      expect(schema.fields.filter((field) => !field.doc).map((field) => field.name)).toEqual([]);
      expect(() => avroType(schema)).not.toThrow();
    },
  );
});
