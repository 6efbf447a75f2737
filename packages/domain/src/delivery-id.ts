import { hash } from 'node:crypto';

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
  if (!Number.isInteger(atMs) || atMs < 0 || atMs > MAX_48_BITS) {
    throw new RangeError(`no time that an id can hold: ${atMs}`);
  }
  const digest = hash('sha256', text, 'hex');
  const time = atMs.toString(16).padStart(12, '0');
  // The variant of RFC 9562: the two highest bits of the digit are 10.
  const variant = ((Number.parseInt(digest[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
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
