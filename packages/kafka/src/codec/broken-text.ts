const REPLACEMENT = '\uFFFD';
const REPLACEMENT_UTF8 = Buffer.from(REPLACEMENT);

/**
 * True when a decoded text holds more replacement characters than the bytes do: the decoder put one in the place of
 * bytes that are not UTF-8, and what a receiver would see is not what was sent.
 */
export function hasBrokenText(value: unknown, bytes: Buffer): boolean {
  const decoded = countReplacements(value);
  return decoded > 0 && decoded > countInBytes(bytes);
}

function countReplacements(value: unknown): number {
  if (typeof value === 'string') return value.includes(REPLACEMENT) ? value.split(REPLACEMENT).length - 1 : 0;
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 0;
  let count = 0;
  for (const part of Object.values(value)) count += countReplacements(part);
  return count;
}

function countInBytes(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(REPLACEMENT_UTF8); at >= 0; at = bytes.indexOf(REPLACEMENT_UTF8, at + 3))
    count++;
  return count;
}
