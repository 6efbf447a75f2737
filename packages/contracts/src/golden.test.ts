import { createHash } from 'node:crypto';
import type avsc from 'avsc';
import { describe, expect, it } from '@jest/globals';
import { fromPlain, readGoldens, toPlain, type Golden } from '../goldens.ts';
import type { AnyEvent } from './catalogue.js';
import type { RecordSchema } from './bundle-schemas.js';
import { bundledSchemas } from './generated/schemas.gen.js';
import { checkDecodedEvent } from './read-event.js';
import { avroType } from './record-types.js';
import { contracts } from './released-schemas.js';

/** SHA-256 of what each version holds. A released version never changes: add a line for a new one, mend none. */
const digests: Record<string, string> = {
  1: '3c8b1edb0e508b42c5f423e189ed2d35643289e8e89f9fe8534bc72158d2c4e2',
  2: 'dd23b43d8a8b2b75abd870a97cd35740eb0886099592ec5a5be025861917c8ec',
  3: '38112d952d2b30183433a5ca4a678972404af375823fc362e93af3b6a5b929e9',
};

const goldens = readGoldens();
const current = contracts(bundledSchemas);

/** The value as a reader sees it: only its own fields, with its defaults for what the writer did not have. */
function asReadBy(reader: avsc.Type, value: unknown): unknown {
  if (reader.typeName.startsWith('union:')) {
    const [, ...branches] = (reader as avsc.types.UnwrappedUnionType).types;
    return value === null || branches.length > 1 ? value : asReadBy(branches[0]!, value);
  }
  switch (reader.typeName) {
    case 'record': {
      const given = value as Record<string, unknown>;
      const read = ({ name, type, defaultValue }: avsc.types.Field): unknown =>
        name in given ? asReadBy(type, given[name]) : toPlain(defaultValue());
      const { fields } = reader as avsc.types.RecordType;
      return Object.fromEntries(fields.map((field) => [field.name, read(field)]));
    }
    case 'array':
      return (value as unknown[]).map((item) => asReadBy((reader as avsc.types.ArrayType).itemsType, item));
    default:
      return value;
  }
}

function expectReadBy(readerSchema: RecordSchema, golden: Golden): void {
  const reader = avroType(readerSchema);
  const resolver = reader.createResolver(avroType(golden.schema));
  for (const { value, avro } of golden.values) {
    const read = reader.fromBuffer(Buffer.from(avro, 'base64'), resolver) as unknown;
    expect(toPlain(read)).toEqual(asReadBy(reader, value));
  }
}

describe.each(goldens.map((golden) => [`${golden.name}, version ${golden.version}`, golden] as const))(
  '%s',
  (_, golden) => {
    it('is read by the schema of today', () => {
      expectReadBy(current.get(golden.name)!, golden);
    });

    it('is read by every other version', () => {
      for (const other of goldens) if (other.name === golden.name) expectReadBy(other.schema, golden);
    });

    it('is written as the same bytes', () => {
      for (const { value, avro } of golden.values)
        expect(avroType(golden.schema).toBuffer(fromPlain(value)).toString('base64')).toBe(avro);
    });

    it('is read with a field more at the end, in the middle and in a nested record', () => {
      const larger = JSON.parse(JSON.stringify(golden.schema), (_key, node: unknown) =>
        (node as RecordSchema | null)?.type === 'record' ? withTwoMore(node as RecordSchema) : node,
      ) as RecordSchema;
      expectReadBy(larger, golden);
      // Nothing between the new fields has shifted.
      const reader = avroType(larger);
      const { avro } = golden.values.at(-1)!;
      const read = reader.fromBuffer(
        Buffer.from(avro, 'base64'),
        reader.createResolver(avroType(golden.schema)),
      ) as Record<string, unknown>;
      expect([read['new_middle'], read['new_last']]).toEqual([null, null]);
    });
  },
);

function withTwoMore(record: RecordSchema): RecordSchema {
  const aField = (name: string) => ({ name, type: ['null', 'string'], default: null });
  const fields = [...record.fields, aField('new_last')];
  fields.splice(1, 0, aField('new_middle'));
  return { ...record, fields };
}

describe('goldens', () => {
  it('hold the thirteen events and seven records of version 1', () => {
    const names = goldens.filter(({ version }) => version === 1).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('events/'))).toHaveLength(13);
    expect(names.filter((name) => name.startsWith('records/'))).toHaveLength(7);
  });

  it('of events are events that our code takes', () => {
    const events = goldens.filter(({ name }) => name.startsWith('events/'));
    const problems = events.flatMap(({ schema, values }) =>
      values.flatMap(({ value }) => checkDecodedEvent(value as AnyEvent, avroType(schema))),
    );
    expect(problems).toEqual([]);
  });

  it('never change', () => {
    const found = Object.groupBy(goldens, ({ version }) => version);
    const now = Object.entries(found).map(([version, all]) => [
      version,
      createHash('sha256').update(JSON.stringify(all)).digest('hex'),
    ]);
    expect(Object.fromEntries(now)).toEqual(digests);
  });
});
