import { describe, expect, it } from '@jest/globals';
import type { AvroSchema } from './bundle-schemas.js';
import { PoisonRecordError } from './errors.js';
import { avroType } from './record-types.js';

/** A record with one field `a`, and perhaps one after it. */
const recordOf = (type: AvroSchema, ...others: { name: string; type: AvroSchema }[]) =>
  avroType({
    type: 'record',
    name: 'R',
    namespace: 't',
    doc: '',
    fields: [{ name: 'a', type }, ...others],
  });

function reasonOf(read: () => unknown): string {
  try {
    return `read ${JSON.stringify(read())}`;
  } catch (error) {
    return error instanceof PoisonRecordError ? error.reason : String(error);
  }
}

describe('a text', () => {
  const type = recordOf('string');
  const bytes = (hex: string) => Buffer.concat([Buffer.from([hex.length]), Buffer.from(hex, 'hex')]);

  it.each(['', '61', 'c3a9', '00', 'e280a8', 'f09f8eac', 'f48fbfbf', 'efbfbd', 'efbfbdefbfbd', 'efbbbf'])(
    'of the bytes %s is read as they are',
    (hex) => {
      const { a } = type.fromBuffer(bytes(hex)) as { a: string };
      expect(Buffer.from(a).toString('hex')).toBe(hex);
    },
  );

  it.each([
    ['a lone continuation byte', '80'],
    ['an overlong slash', 'c0af'],
    ['an overlong NUL, as Java writes it', 'c080'],
    ['a surrogate, as WTF-8 writes it', 'eda080'],
    ['a pair of surrogates, as CESU-8 writes it', 'eda0bdedb880'],
    ['a character above U+10FFFF', 'f4908080'],
    ['a character that ends too early', '61f09f8e'],
    ['Latin-1', 'fc62'],
    ['a good U+FFFD and a broken byte', 'efbfbdff'],
  ])('of %s is poison', (_, hex) => {
    expect(reasonOf(() => type.fromBuffer(bytes(hex)))).toBe('invalid_value');
  });

  it('is poison even where the same bytes occur as a number', () => {
    // The number's bytes hold U+FFFD's; counting those of the whole record would let the broken text pass.
    const both = recordOf('string', { name: 'n', type: 'long' });
    expect(reasonOf(() => both.fromBuffer(Buffer.from('02ffefbfbd01', 'hex')))).toBe('invalid_value');
  });
});

describe('a list', () => {
  const items = ['string', 'long', ['null', 'string'], { type: 'array', items: 'string' }] as AvroSchema[];
  // Zig-zag of 3,000,000,000.
  const claim = '80f882ad16';

  it.each(items.map((item) => [JSON.stringify(item), item] as const))(
    'of %s that claims more items than there are bytes is poison at once',
    (_, item) => {
      for (const hex of [claim, `ffefff${'ff'.repeat(6)}01`, `01${claim}`]) {
        const type = recordOf({ type: 'array', items: item });
        expect(reasonOf(() => type.fromBuffer(Buffer.from(hex, 'hex')))).toBe('not_avro');
        const map = recordOf({ type: 'map', values: item });
        expect(reasonOf(() => map.fromBuffer(Buffer.from(hex, 'hex')))).toBe('not_avro');
      }
    },
  );

  it.each(['array', 'map'])('(%s) that only its writer knows is poison at once too', (kind) => {
    const writer = recordOf('string', {
      name: 'extra',
      type: kind === 'array' ? { type: 'array', items: 'string' } : { type: 'map', values: 'string' },
    });
    const reader = recordOf('string');
    const resolver = reader.createResolver(writer);
    const good = writer.toBuffer({ a: 'x', extra: kind === 'array' ? ['y', 'z'] : { y: 'z' } });
    expect(reader.fromBuffer(good, resolver)).toEqual({ a: 'x' });
    const broken = Buffer.from(`0278${claim}`, 'hex');
    expect(reasonOf(() => reader.fromBuffer(broken, resolver))).toBe('not_avro');
  });

  it('of several blocks, with and without their size, is read as one', () => {
    const list = recordOf({ type: 'array', items: 'string' });
    // Two items; one item in a block of 2 bytes; the end.
    expect(list.fromBuffer(Buffer.from('04026102620104026300', 'hex'))).toEqual({ a: ['a', 'b', 'c'] });
    const map = recordOf({ type: 'map', values: 'long' });
    expect(map.fromBuffer(Buffer.from('02026102010602620400', 'hex'))).toEqual({ a: { a: 1, b: 2 } });
  });
});

describe('a schema that spells its primitive types as objects', () => {
  const writer = recordOf(
    { type: 'string', 'avro.java.string': 'String' },
    { name: 'n', type: { type: 'long', logicalType: 'timestamp-millis' } },
  );
  const reader = recordOf('string', { name: 'n', type: 'long' });
  const resolver = reader.createResolver(writer);

  it('is read and written exactly all the same', () => {
    const value = { a: 'é', n: 2 ** 53 - 1 };
    expect(writer.fromBuffer(writer.toBuffer(value))).toEqual(value);
    expect(reader.fromBuffer(writer.toBuffer(value), resolver)).toEqual(value);
  });

  it('does not let broken texts and longer numbers pass', () => {
    for (const broken of ['02ff00', `0261${'80'.repeat(7)}20`]) {
      expect(reasonOf(() => reader.fromBuffer(Buffer.from(broken, 'hex'), resolver))).toBe('invalid_value');
      expect(reasonOf(() => writer.fromBuffer(Buffer.from(broken, 'hex')))).toBe('invalid_value');
    }
  });
});
