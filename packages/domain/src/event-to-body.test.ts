import { bundledSchemas, EventCatalogue, readEvent, type AnyEvent } from '@dits/contracts';
import { arbitraryEventOf } from '@dits/contracts/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildBody } from './build-body.js';

const catalogue = new EventCatalogue(bundledSchemas);
const never = (): string => {
  throw new Error('the event has its own');
};

describe.each(catalogue.all.map((type) => [type.event, type] as const))(
  'any event of type %s',
  (name, type) => {
    it('is the body that was posted, after JSON, Avro and JSON again', () => {
      fc.assert(
        fc.property(arbitraryEventOf(type), fc.boolean(), (event, isReversed) => {
          const text = JSON.stringify({ event: name, ...event }, leaveOutNulls);
          const posted = JSON.parse(text) as Record<string, unknown>;
          const given = isReversed ? Object.fromEntries(Object.entries(posted).reverse()) : posted;

          const read = readEvent(given, catalogue, { eventId: never, occurredAt: never });
          if (read.kind !== 'event') throw new Error(JSON.stringify(read.problems));
          const decoded = type.type.fromBuffer(type.type.toBuffer(read.event)) as AnyEvent;
          const body = buildBody(name, decoded, { maxBytes: Number.MAX_SAFE_INTEGER });

          // Whatever order they came in, the fields leave in the order of the schema.
          expect(body.toString()).toBe(text);
          expect(Buffer.from(body.toString()).equals(body)).toBe(true);
          expect(JSON.parse(body.toString())).toEqual(posted);
          expect(JSON.stringify(JSON.parse(body.toString()))).toBe(text);
        }),
        { numRuns: 100 },
      );
    });
  },
);

function leaveOutNulls(_key: string, value: unknown): unknown {
  return value === null ? undefined : value;
}
