import type avsc from 'avsc';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventCatalogue, type AnyEvent, type EventType } from './catalogue.js';
import { PoisonRecordError } from './errors.js';
import { bundledSchemas } from './generated/schemas.gen.js';
import { checkDecodedEvent, readEvent, type Problem } from './read-event.js';
import { arbitraryEventOf } from './testing/arbitrary-event.js';

const catalogue = new EventCatalogue(bundledSchemas);
const types = catalogue.all.map((type) => [type.event, type] as const);
const never = (): string => {
  throw new Error('the event has its own');
};
const read = (json: unknown) => readEvent(json, catalogue, { eventId: never, occurredAt: never });

/** The JSON a producer would post for a decoded event; what is absent is null, or not there at all. */
function jsonOf(event: string, record: AnyEvent, o: { nulls: 'kept' | 'left out' }): string {
  const kept = (_key: string, value: unknown) =>
    value === null && o.nulls === 'left out' ? undefined : value;
  return JSON.stringify({ event, ...record }, kept);
}

describe.each(types)('any event of type %s', (name, type) => {
  it('comes through JSON and Avro as it is', () => {
    fc.assert(
      fc.property(arbitraryEventOf(type), fc.constantFrom('kept', 'left out'), (event, nulls) => {
        const result = read(JSON.parse(jsonOf(name, event, { nulls })));
        if (result.kind !== 'event') throw new Error(JSON.stringify(result.problems));
        const decoded = type.type.fromBuffer(type.type.toBuffer(result.event)) as AnyEvent;
        expect(decoded).toEqual(event);
        expect(checkDecodedEvent(decoded, type.type)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('is refused for one wrong value anywhere, by its path and by no other', () => {
    fc.assert(
      fc.property(arbitraryEventOf(type), fc.nat(), fc.nat(), (event, which, how) => {
        const json = JSON.parse(jsonOf(name, event, { nulls: 'kept' })) as Record<string, unknown>;
        const places = placesIn(json, type);
        const place = places[which % places.length]!;
        const wrong = wrongValues(place);
        place.set(wrong[how % wrong.length]);
        expect(pathsOf(problemsOf(json))).toEqual([place.path]);
      }),
      { numRuns: 150 },
    );
  });

  it('is refused for a field that is not of it, anywhere, by its path and by no other', () => {
    fc.assert(
      fc.property(arbitraryEventOf(type), fc.nat(), (event, which) => {
        const json = JSON.parse(jsonOf(name, event, { nulls: 'left out' })) as Record<string, unknown>;
        const records = [{ path: '', value: json }, ...placesIn(json, type)].filter(({ value }) =>
          isRecord(value),
        );
        const { path, value } = records[which % records.length]!;
        (value as Record<string, unknown>)['no_such_field'] = null;
        expect(pathsOf(problemsOf(json))).toEqual([path === '' ? 'no_such_field' : `${path}.no_such_field`]);
      }),
      { numRuns: 40 },
    );
  });

  it('is poison when one text anywhere is not UTF-8', () => {
    const marker = 'MARK';
    fc.assert(
      fc.property(
        arbitraryEventOf(type),
        fc.nat(),
        fc.constantFrom('ffffffff', 'eda080ff', '41c08041', '41f0908d', 'f4908080', '414141c3', 'efbfbdff'),
        (event, which, hex) => {
          const texts = placesIn(event, type).filter(({ value }) => typeof value === 'string');
          texts[which % texts.length]!.set(marker);
          const avro = type.type.toBuffer(event);
          fc.pre(avro.indexOf(marker) === avro.lastIndexOf(marker));
          Buffer.from(hex, 'hex').copy(avro, avro.indexOf(marker));
          expect(poisonOf(() => type.type.fromBuffer(avro))).toMatchObject({
            reason: 'invalid_value',
            message: expect.stringMatching(/is not UTF-8$/),
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is read or refused at once, however its bytes are broken', () => {
    const nasty = ['', '00', '01', 'ff', 'feffffff1f', 'ffffffffffffffffff01', '80808080808080808001'];
    fc.assert(
      fc.property(
        arbitraryEventOf(type, { maxItems: 3, maxTextLength: 10 }),
        fc.nat(),
        fc.constantFrom(...nasty),
        fc.boolean(),
        (event, at, hex, isCut) => {
          const avro = type.type.toBuffer(event);
          const from = at % avro.length;
          const broken = [avro.subarray(0, from), Buffer.from(hex, 'hex')];
          if (!isCut) broken.push(avro.subarray(from + 1));
          try {
            type.type.fromBuffer(Buffer.concat(broken));
          } catch {
            // Whatever it says, if only it comes to an end.
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** A value inside an event, with its type; `isOptional` when null may stand in its place. */
interface Place {
  path: string;
  type: avsc.Type;
  isOptional: boolean;
  value: unknown;
  set(value: unknown): void;
}

/** Every place of a value in an event, as JSON has it or decoded, but for `event`. */
function placesIn(event: object, { type }: EventType): Place[] {
  const places: Place[] = [];
  const visit = (place: Place): void => {
    places.push(place);
    const { path, value } = place;
    // A union of more than one type holds no lists and no records.
    const branches = branchesOf(place.type).filter(({ typeName }) => typeName !== 'null');
    if (Array.isArray(value)) {
      const { itemsType } = branches[0] as avsc.types.ArrayType;
      value.forEach((item, i) =>
        visit({
          path: `${path}[${i}]`,
          ...typed(itemsType),
          value: item,
          set: (changed) => (value[i] = changed),
        }),
      );
    } else if (isRecord(value)) visitFields(value, branches[0] as avsc.types.RecordType, path);
  };
  const visitFields = (record: Record<string, unknown>, of: avsc.types.RecordType, path: string): void => {
    for (const field of of.fields) {
      visit({
        path: path === '' ? field.name : `${path}.${field.name}`,
        ...typed(field.type),
        value: record[field.name],
        set: (changed) => (record[field.name] = changed),
      });
    }
  };
  visitFields(event as Record<string, unknown>, type, '');
  return places;
}

function typed(type: avsc.Type): Pick<Place, 'type' | 'isOptional'> {
  return { type, isOptional: branchesOf(type).some(({ typeName }) => typeName === 'null') };
}

function branchesOf(type: avsc.Type): avsc.Type[] {
  return type.typeName.startsWith('union:') ? (type as avsc.types.UnwrappedUnionType).types : [type];
}

/** Values that must not stand there. JSON can hold each: 1e400, which it reads as Infinity, too. */
function wrongValues({ path, type, isOptional }: Place): unknown[] {
  const names = branchesOf(type).map(({ typeName }) => typeName);
  const all: [kind: string, ...values: unknown[]][] = [
    ['string', 'x', ''],
    ['boolean', true, false],
    ['abstract:long', 7, 0],
    ['array', [], [1]],
    ['record', {}, { id: 1 }],
  ];
  const ofOtherKinds = all.filter(([kind]) => !names.includes(kind)).flatMap(([, ...values]) => values);
  const wrong = [...ofOtherKinds, 1.5, 2 ** 53, -(2 ** 53), Infinity, '\ud800', 'a\udc00b', '\udbff\ud800'];
  // The gateway fills in these two when they are null.
  if (path === 'event_id' || path === 'occurred_at') return [...wrong, 'x', '2026-13-01T00:00:00Z'];
  if (!isOptional) wrong.push(null);
  if (/(^|\.)id$/.test(path) && !names.includes('string')) wrong.push(-1);
  return wrong;
}

function problemsOf(json: unknown): Problem[] {
  const result = read(json);
  return result.kind === 'problems' ? result.problems : [];
}

function pathsOf(problems: Problem[]): string[] {
  return [...new Set(problems.map(({ path }) => path))];
}

function poisonOf(read: () => unknown): PoisonRecordError {
  try {
    read();
  } catch (error) {
    if (error instanceof PoisonRecordError) return error;
    throw error;
  }
  throw new Error('it was read');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
