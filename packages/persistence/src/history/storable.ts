/**
 * The text as Postgres can hold it: NUL, which neither `text` nor `jsonb` takes, and surrogates without their other half
 * become U+FFFD.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** {@link storableText} of every name and value. Names that become the same keep the last value. */
export function storableTexts(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [storableText(name), storableText(value)]),
  );
}

/** A time as Postgres reads it; throws a `RangeError` when it is none. */
export function storableTime(ms: number): string;
export function storableTime(ms: number | null): string | null;
export function storableTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** Bytes, given as hex digits, as Postgres reads them. */
export function storableBytes(hex: string): string {
  return `\\x${hex}`;
}
