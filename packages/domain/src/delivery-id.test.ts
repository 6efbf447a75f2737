import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { acceptedAtMsOfDeliveryId, dayOfDeliveryId, deliveryId } from './delivery-id.js';

const eventId = '019abf5e-7a00-7000-8000-000000000001';
const webhookId = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const acceptedAtMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const inputs = fc.record({ acceptedAtMs, eventId: fc.uuid(), webhookId: fc.uuid() });

describe('deliveryId', () => {
  it('is the same for ever', () => {
    // Computed outside, from sha256("<event id>/<webhook id>").
    expect(deliveryId({ acceptedAtMs: 1_764_061_934_000, eventId, webhookId })).toBe(
      '019aba48-f1b0-8860-9c56-d69b422aa409',
    );
  });

  it('is a UUID of version 8 and the variant of RFC 9562', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        expect(deliveryId(input)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  it('holds the accept time, and its day', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        expect(acceptedAtMsOfDeliveryId(deliveryId(input))).toBe(input.acceptedAtMs);
      }),
    );
    const id = deliveryId({ acceptedAtMs: Date.UTC(2026, 10, 25, 23, 59, 59, 999), eventId, webhookId });
    expect(dayOfDeliveryId(id)).toEqual(new Date('2026-11-25T00:00:00Z'));
  });

  it('sorts by accept time', () => {
    fc.assert(
      fc.property(inputs, inputs, (a, b) => {
        fc.pre(a.acceptedAtMs < b.acceptedAtMs);
        expect(deliveryId(a) < deliveryId(b)).toBe(true);
      }),
    );
  });

  it('differs by event and by webhook', () => {
    const id = deliveryId({ acceptedAtMs: 1, eventId, webhookId });
    expect(deliveryId({ acceptedAtMs: 1, eventId: webhookId, webhookId })).not.toBe(id);
    expect(deliveryId({ acceptedAtMs: 1, eventId, webhookId: eventId })).not.toBe(id);
  });

  it.each([-1, 0.5, NaN, 2 ** 48])('refuses the accept time %d', (ms) => {
    expect(() => deliveryId({ acceptedAtMs: ms, eventId, webhookId })).toThrow(RangeError);
  });
});
