import { createHash } from 'node:crypto';

const DAY_MS = 86_400_000;
const MAX_48_BITS = 2 ** 48 - 1;

/**
 * The id of the delivery of one event to one webhook: a UUIDv8 (RFC 9562, 5.8) of the event's accept time (48 bits
 * of ms, so ids sort by time) and a hash of event and webhook. The same inputs always give the same id, so a repeated
 * step writes the same records again.
 *
 * Throws a `RangeError` when the time is no whole number of ms from 0 to 2^48-1.
 */
export function deliveryId({
  acceptedAtMs,
  eventId,
  webhookId,
}: {
  acceptedAtMs: number;
  eventId: string;
  webhookId: string;
}): string {
  if (!Number.isInteger(acceptedAtMs) || acceptedAtMs < 0 || acceptedAtMs > MAX_48_BITS) {
    throw new RangeError(`no accept time: ${acceptedAtMs}`);
  }
  return derivedId(acceptedAtMs, `${eventId}/${webhookId}`);
}

/**
 * The id of a record on the dead-letter topic: a UUIDv8 of its time (ms since 1970) and a hash of its place, made as a
 * delivery's. Throws a `RangeError` when the time is out of range.
 */
export function deadLetterId({
  atMs,
  partition,
  offset,
}: {
  atMs: number;
  partition: number;
  offset: bigint;
}): string {
  return derivedId(atMs, `dead-letter/${partition}/${offset}`);
}

function derivedId(atMs: number, text: string): string {
  const id = createHash('sha256').update(text).digest().subarray(0, 16);
  id.writeUIntBE(atMs, 0, 6);
  id[6] = 0x80 | (id[6]! & 0x0f); // version 8
  id[8] = 0x80 | (id[8]! & 0x3f); // variant 10
  const hex = id.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The accept time inside a delivery id, ms since 1970. The id must be a UUID; nothing is checked. */
export function acceptedAtMsOfDeliveryId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The UTC day of a delivery's accept time, as its midnight: the day of its history partition. */
export function dayOfDeliveryId(id: string): Date {
  const acceptedAtMs = acceptedAtMsOfDeliveryId(id);
  return new Date(acceptedAtMs - (acceptedAtMs % DAY_MS));
}
