// Rare: also the two halves of a character that is well.
const SUSPECT = /[\0\ud800-\udfff]/;

/**
 * The text as Postgres can hold it: NUL, which neither `text` nor `jsonb` takes, and surrogates without their other half
 * become U+FFFD.
 */
export function storableText(text: string): string {
  return SUSPECT.test(text) ? text.toWellFormed().replaceAll('\0', '\uFFFD') : text;
}

/**
 * {@link storableText} of every name and value; the very object that was given when nothing has to change. Names that become the same
 * keep the last value.
 */
export function storableTexts(texts: Record<string, string>): Record<string, string> {
  const entries = Object.entries(texts);
  if (!entries.some(([name, value]) => SUSPECT.test(name) || SUSPECT.test(value))) return texts;
  return Object.fromEntries(entries.map(([name, value]) => [storableText(name), storableText(value)]));
}

// No Date is later.
const LAST_MS = 8.64e15;

/** The second that was written last, and its text up to the dot: times of a batch are close together. */
let lastSecond = { second: NaN, text: '' };

/** A time as Postgres reads it; throws a `RangeError` when it is none. */
export function storableTime(ms: number): string;
export function storableTime(ms: number | null): string | null;
export function storableTime(ms: number | null): string | null {
  if (ms === null) return null;
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond.second || ms > LAST_MS) {
    lastSecond = { second, text: new Date(ms).toISOString().slice(0, -'000Z'.length) };
  }
  return `${lastSecond.text}${String(Math.floor(ms) - second * 1000).padStart(3, '0')}Z`;
}

/** Bytes, given as hex digits, as Postgres reads them. */
export function storableBytes(hex: string): string {
  return `\\x${hex}`;
}
