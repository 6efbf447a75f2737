import { PoisonRecordError, type AnyEvent } from '@dits/contracts';

/** 100,000: express.json() in the seed's handler answers 413 above 100 kB. */
const MAX_BODY_BYTES = 100_000;

const FIRST = ['repository', 'sender'];
const LAST = ['event_id', 'occurred_at'];
const PLACED = new Set(['event', ...FIRST, ...LAST]);

// So many are written in one go, which takes half the time of writing each by itself: few pushes have more, and few of those with less are too large.
const FEW_COMMITS = 64;

/** Top-level fields in the order of the body; an undefined one holds its place only. */
type Fields = Map<string, unknown>;

/**
 * Makes the bytes that every delivery of an event carries: `event`, `repository`, `sender`, the event's own fields in
 * the order of the record, `event_id`, `occurred_at`. Null and undefined are left out. The bytes are a fixed point of
 * `JSON.stringify(JSON.parse(body))`, and no more than `maxBytes` (default 100,000).
 *
 * What is too large is cut, in this order, each step only as far as needed:
 * 1. `commits` loses its oldest entries (the start of the list) and the body says `commits_truncated: true` and
 *    `total_commits`, each in its place. The list may become empty; `head_commit` stays.
 * 2. The other lists (`head_commit.removed`, `.modified`, `.added`, `changes`, …) lose their last entries, the last
 *    list first.
 * 3. The longest texts (of a push: `head_commit.message`) are cut to one common length, on a code point.
 *
 * The cost follows the size of the result, not the number of commits (beyond 64). Throws {@link PoisonRecordError} `too_large`
 * when even that isn't enough, which takes a schema of thousands of fields.
 */
export function buildBody(
  event: string,
  record: AnyEvent,
  { maxBytes = MAX_BODY_BYTES }: { maxBytes?: number } = {},
): Buffer {
  const commits: unknown[] = Array.isArray(record.commits) ? record.commits : [];
  if (commits.length <= FEW_COMMITS) {
    const json = stringify(inOrder(event, record, commits));
    if (bytesOf(json) <= maxBytes) return Buffer.from(json);
  }
  const fields = inOrder(event, record, []);
  if (commits.length === 0) return Buffer.from(fitted(fields, maxBytes));
  const [head, tail] = aroundCommits(fields);
  const newest = newestCommits(commits, maxBytes - bytesOf(head) - bytesOf(tail));
  if (newest.length === commits.length) return Buffer.from(head + newest.join(',') + tail);

  fields.set('commits_truncated', true);
  fields.set('total_commits', Math.max(Number(record.total_commits ?? 0), commits.length));
  const kept = newestOf(newest, maxBytes - bytesOf(fitted(fields, maxBytes)));
  return Buffer.from(aroundCommits(fields).join(kept.join(',')));
}

/** The fields of the body with these of its commits. */
function inOrder(event: string, record: AnyEvent, commits: unknown[]): Fields {
  const own = Object.keys(record).filter((name) => !PLACED.has(name));
  if (own.includes('commits')) {
    own.push(...['total_commits', 'commits_truncated'].filter((name) => !own.includes(name)));
  }
  const fields: Fields = new Map([['event', event]]);
  for (const name of [...FIRST, ...own, ...LAST]) {
    const isCommits = name === 'commits' && Array.isArray(record.commits);
    fields.set(name, withoutNulls(isCommits ? commits : record[name]));
  }
  return fields;
}

// Names of Avro are none that an object would put first.
function stringify(fields: Iterable<[name: string, value: unknown]>): string {
  return JSON.stringify(Object.fromEntries(fields));
}

/** The JSON of the fields, up to the first commit and after the last; their list is empty. */
function aroundCommits(fields: Fields): [head: string, tail: string] {
  const all = [...fields];
  const next = all.findIndex(([name]) => name === 'commits') + 1;
  const head = stringify(all.slice(0, next)).slice(0, -']}'.length);
  const tail = stringify(all.slice(next)).slice('{'.length);
  return [head, tail === '}' ? `]${tail}` : `],${tail}`];
}

/** JSON of the newest commits that take `maxBytes` at most, oldest first. Looks at no more than it returns, plus one. */
function newestCommits(commits: unknown[], maxBytes: number): string[] {
  const texts: string[] = [];
  let bytes = -1; // as many commas as commits, less one
  for (const commit of commits.toReversed()) {
    const text = JSON.stringify(withoutNulls(commit));
    bytes += bytesOf(text) + 1;
    if (bytes > maxBytes) break;
    texts.push(text);
  }
  return texts.reverse();
}

/** As many of the last texts as fit into `maxBytes`. */
function newestOf(texts: string[], maxBytes: number): string[] {
  let bytes = texts.reduce((sum, text) => sum + bytesOf(text) + 1, -1);
  let from = 0;
  while (bytes > maxBytes && from < texts.length) bytes -= bytesOf(texts[from++]!) + 1;
  return texts.slice(from);
}

/** The JSON of the fields after steps 2 and 3, which change them in place; untouched when small enough. */
function fitted(fields: Fields, maxBytes: number): string {
  let json = stringify(fields);
  if (bytesOf(json) <= maxBytes) return json;
  cutLists(fields, bytesOf(json) - maxBytes);
  json = stringify(fields);
  if (bytesOf(json) <= maxBytes) return json;
  cutTexts(fields, bytesOf(json) - maxBytes);
  return stringify(fields);
}

function cutLists(fields: Fields, excessBytes: number): void {
  const lists: unknown[][] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) lists.push(value);
    else if (isObject(value)) Object.values(value).forEach(collect);
  };
  for (const value of fields.values()) collect(value);
  for (const list of lists.reverse()) {
    while (excessBytes > 0 && list.length > 0) {
      excessBytes -= bytesOf(JSON.stringify(list.pop())) + (list.length > 0 ? 1 : 0);
    }
  }
}

function cutTexts(fields: Fields, excessBytes: number): void {
  const texts: { text: string; bytes: number; set: (cut: string) => void }[] = [];
  const collect = (value: unknown, set: (cut: string) => void): void => {
    if (typeof value === 'string') texts.push({ text: value, bytes: jsonBytes(value), set });
    else if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) collect(inner, (cut) => (value[name] = cut));
    }
  };
  for (const [name, value] of fields) {
    if (name !== 'event' && !LAST.includes(name)) collect(value, (cut) => fields.set(name, cut));
  }
  const maxTextBytes = commonLimit(
    texts.map(({ bytes }) => bytes),
    excessBytes,
  );
  for (const { text, bytes, set } of texts) if (bytes > maxTextBytes) set(cutToBytes(text, maxTextBytes));
}

/** The largest limit that takes at least `excess` off the sizes together. */
function commonLimit(sizes: number[], excess: number): number {
  const longestFirst = sizes.toSorted((a, b) => b - a);
  let sum = 0;
  for (const [i, size] of longestFirst.entries()) {
    sum += size;
    // With the limit at or above the next size, only those up to here are cut.
    const limit = Math.floor((sum - excess) / (i + 1));
    if (limit >= (longestFirst[i + 1] ?? 0)) return limit;
  }
  throw new PoisonRecordError('too_large', 'the body does not fit, even without its lists and texts');
}

/** The longest start of a text that takes `maxBytes` at most as JSON, without breaking a code point. */
function cutToBytes(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += jsonBytes(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Bytes of a text inside a JSON string, without its quotes. */
function jsonBytes(text: string): number {
  return bytesOf(JSON.stringify(text)) - 2;
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item != null).map(withoutNulls);
  if (isObject(value)) {
    const kept: Record<string, unknown> = {};
    for (const name of Object.keys(value)) {
      if (value[name] != null) kept[name] = withoutNulls(value[name]);
    }
    return kept;
  }
  return value ?? undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
