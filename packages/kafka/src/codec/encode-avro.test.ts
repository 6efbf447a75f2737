import { frame, PoisonRecordError, unframe } from '@dits/contracts';
import { describe, expect, it } from '@jest/globals';
import avsc from 'avsc';
import fc from 'fast-check';
import { encodeFramed } from './encode-avro.js';

const type = avsc.Type.forSchema({
  type: 'record',
  name: 'Noted',
  fields: [
    { name: 'text', type: 'string' },
    { name: 'body', type: 'bytes' },
    { name: 'count', type: ['null', 'long'] },
  ],
});

describe('encodeFramed', () => {
  it('gives what avsc does behind the header, however large, and never the same memory twice', () => {
    const size = fc.oneof(fc.nat(100), fc.integer({ min: 65_400, max: 65_600 }), fc.nat(300_000));
    const some = fc.record({
      text: fc.string({ unit: 'binary', maxLength: 50 }),
      body: size.map((n) => Buffer.alloc(n, 7)),
      count: fc.option(fc.integer()),
    });
    fc.assert(
      fc.property(fc.array(some, { minLength: 2, maxLength: 4 }), fc.nat(2 ** 31 - 1), (values, schemaId) => {
        const encoded = values.map((value) => encodeFramed(type, schemaId, value));
        for (const [i, value] of values.entries()) {
          expect(encoded[i]!.equals(frame(schemaId, type.toBuffer(value)))).toBe(true);
          expect(unframe(encoded[i]!).schemaId).toBe(schemaId);
        }
      }),
    );
  });

  it('refuses what is not of the type', () => {
    expect(() => encodeFramed(type, 1, { text: 5 })).toThrow(PoisonRecordError);
  });
});
