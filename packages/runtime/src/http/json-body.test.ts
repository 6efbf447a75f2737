import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJsonBody } from './json-body.js';
import type { JsonLimits } from './json-shape.js';
import { ProblemException, type ProblemBody } from './problem.js';

const LIMITS: JsonLimits = { depth: 4, values: 10 };
const NONE: JsonLimits = { depth: 1_000, values: 1_000_000 };

const read = (text: string | Buffer, limits = LIMITS) => parseJsonBody(Buffer.from(text as string), limits);

function problemOf(text: string, limits?: JsonLimits): ProblemBody {
  try {
    read(text, limits);
  } catch (error) {
    return (error as ProblemException).body;
  }
  throw new Error(`was read: ${text.slice(0, 100)}`);
}

describe('a JSON body', () => {
  it('is read as JSON.parse reads it, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat(3), (value, space) => {
        const text = JSON.stringify(value, null, space);
        // fast-check knows the key; its refusal is below.
        fc.pre(!text.includes('__proto__'));
        expect(read(text, NONE)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
    ['what looks like structure in texts', '{"a":"{[\\"b\\":1,,,,,,,,,,,]}"}', { a: '{["b":1,,,,,,,,,,,]}' }],
    ['a text that ends in backslashes', '{"a\\\\":"\\\\","b":"\\\\\\\\"}', { 'a\\': '\\', b: '\\\\' }],
    ['the same key in several objects', '[{"a":1},{"a":{"a":1}}]', [{ a: 1 }, { a: { a: 1 } }]],
    [
      'keys that objects have by themselves',
      '{"constructor":1,"toString":2}',
      { constructor: 1, toString: 2 },
    ],
  ])('may have %s', (_, text, value) => {
    expect(read(text)).toEqual(value);
  });

  it('may go as far as the limits', () => {
    expect(read('[[[[]]]]')).toEqual([[[[]]]]);
    expect(read('[1,2,3,4,5,6,7,8,9,10]')).toHaveLength(10);
  });

  it.each([
    ['nested too deeply', '{"a":[{"b":[[1]]}]}', 'a[0].b[0]', 'is nested deeper than 4 levels'],
    ['nested without end', '['.repeat(1_000_000), '[0][0][0][0]', 'is nested deeper than 4 levels'],
    ['with too many items', '[1,2,3,4,5,6,7,8,9,10,11]', '', 'holds more than 10 keys and list items'],
    ['with too many empty objects', '[{},{},{},{},{},{}]', '', 'holds more than 10 keys and list items'],
    ['with a key twice', '{"secret":"a","url":1,"secret":"b"}', 'secret', 'stands there twice'],
    ['with a key twice, in other signs', '{"id":1,"\\u0069d":2}', 'id', 'stands there twice'],
    ['with a key twice inside', '[{"a":1},{"b":{"c":[],"c":1}}]', '[1].b.c', 'stands there twice'],
    ['with a prototype', '{"a":{"__proto__":{"admin":true}}}', 'a.__proto__', 'is a key that is not taken'],
    ['with a hidden prototype', '{"\\u005f_proto__":1}', '__proto__', 'is a key that is not taken'],
  ])('is refused %s, by its path', (_, text, path, message) => {
    expect(problemOf(text)).toMatchObject({
      status: 422,
      code: 'unsafe_json',
      detail: path ? `${path}: ${message}` : `The body ${message}.`,
      errors: [{ path, message }],
    });
  });

  it('is refused with any key twice, wherever', () => {
    const key = fc.string({ unit: 'binary', maxLength: 5 }).filter((text) => text !== '__proto__');
    const pathTo = fc.array(fc.oneof(fc.nat(3), fc.constant('x')), { maxLength: 5 });
    fc.assert(
      fc.property(key, pathTo, (name, path) => {
        const twice = `{"":{},${JSON.stringify(name || 'y')}:"}",${JSON.stringify(name || 'y')}:1}`;
        const text = path.reduce<string>(
          (inner, step) =>
            step === 'x' ? `{"w":[],"x":${inner}}` : `[${'0,'.repeat(Number(step))}${inner}]`,
          twice,
        );
        expect(problemOf(text, NONE)).toMatchObject({
          code: 'unsafe_json',
          errors: [{ message: 'stands there twice' }],
        });
      }),
    );
  });

  it('names a list as its reader calls it, and no key of the size of the body', () => {
    const twice = (name: string) => `[{},{"${name}":1,"${name}":1}]`;
    expect(problemOf(twice('id'), { ...LIMITS, listName: 'events' }).detail).toBe(
      'events[1].id: stands there twice',
    );
    expect(problemOf(twice('x'.repeat(100_000))).detail.length).toBeLessThan(300);
  });

  it.each(['', '{', '{"a":1}}', '{"a" 1}', '{"a":1,}', '"a', '{"a":1,"a":', ',,,,,,,,', ']]]]', 'NaN'])(
    'that is none is malformed: %s',
    (text) => {
      expect(problemOf(text)).toMatchObject({ status: 400, code: 'malformed_json' });
    },
  );

  it('that is none is refused, and never our mistake', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[],:"\\a1 ') }), (text) => {
        try {
          expect(read(text)).toEqual(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(ProblemException);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
