import { expect, it } from '@jest/globals';
import { PoisonRecordError } from './errors.js';
import { frame, unframe } from './wire-format.js';

it('gives back what was framed', () => {
  expect(unframe(frame(70_000, Buffer.from('avro')))).toEqual({
    schemaId: 70_000,
    avro: Buffer.from('avro'),
  });
});

it.each([
  ['no value', null],
  ['an empty value', Buffer.alloc(0)],
  ['four bytes', Buffer.from([0, 0, 0, 1])],
  ['JSON', Buffer.from('{"event":"push"}')],
])('calls %s poison', (_, value) => {
  expect(() => unframe(value)).toThrow(PoisonRecordError);
});
