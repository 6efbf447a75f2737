/** How far a JSON body may go. */
export interface JsonLimits {
  /** Lists and objects in each other. */
  depth: number;
  /** Keys and list items together; an empty list or object counts as one more. */
  values: number;
  /** What a list that is the whole body is called in paths: `events[3].ref`. Default: nothing, `[3].ref`. */
  listName?: string;
}

/** What one pass over a text has counted. */
export interface JsonShape {
  depth: number;
  values: number;
  keys: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Counts without parsing: so a text that goes too far makes no objects. Right for JSON; for any other text the numbers mean
 * nothing, and JSON.parse refuses that.
 */
export function shapeOf(text: string): JsonShape {
  const shape = { depth: 0, values: 0, keys: 0 };
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = closingQuote(text, i);
        break;
      case 0x7b: // {
      case 0x5b: // [
        shape.values++;
        if (++depth > shape.depth) shape.depth = depth;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x2c: // ,
        shape.values++;
        break;
      case 0x3a: // :
        shape.keys++;
    }
  }
  return shape;
}

/** Where the string that opens at `at` ends; the text's length when it does not. */
export function closingQuote(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}

/**
 * Counts the keys of every object in what JSON.parse has made, but for `__proto__`. Fewer than the text has: a key stands
 * there twice (JSON.parse keeps the last one, however either is escaped), or is `__proto__`.
 */
export function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) keys += countKeys(item);
    return keys;
  }
  for (const key in value) {
    if (key !== '__proto__') keys++;
    keys += countKeys((value as Record<string, unknown>)[key]);
  }
  return keys;
}
