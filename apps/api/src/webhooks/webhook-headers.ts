import type { SealedHeaderJson } from '@dits/persistence';
import type { SecretBox } from '@dits/signing';

const MAX_COUNT = 20;
// Names and values together. Node's own servers take 16 KiB of headers, and ours come on top.
const MAX_BYTES = 8 * 1024;
/** Stands for a value wherever headers are shown. */
export const MASK = '***';

// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Visible ISO 8859-1, space and tab: no CR, LF or NUL, so that a value can't become a header of its own.
const VALUE = /^[\t\x20-\x7e\xa0-\xff]*$/;

/** What we set, what belongs to one hop (RFC 9110, section 7.6.1), and what frames the message. In lower case. */
const RESERVED = new Set([
  'content-type',
  'user-agent',
  'x-hub-signature',
  'x-hub-signature-256',
  'traceparent',
  'tracestate',
  'baggage',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'content-length',
  'content-encoding',
  'content-range',
  'expect',
  'date',
]);
const RESERVED_PREFIXES = ['x-dits-', 'webhook-', 'proxy-'];

/** A mistake in the headers of a webhook; `name` is absent when it concerns all. */
export interface HeaderProblem {
  name?: string;
  message: string;
}

/** What is wrong with the headers that a user wants on each request. Messages never hold a value. */
export function webhookHeaderProblems(json: unknown): HeaderProblem[] {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return [{ message: 'must be an object with names and values of headers' }];
  const entries = Object.entries(json) as [string, unknown][];
  if (entries.length > MAX_COUNT) return [{ message: `must have at most ${MAX_COUNT} headers` }];
  const names = entries.map(([name]) => name.toLowerCase());
  const problems = entries.flatMap(([name, value], i): HeaderProblem[] => {
    const message =
      nameProblem(name) ??
      (names.indexOf(names[i]!) < i ? 'stands there twice: case makes no difference' : valueProblem(value));
    return message === null ? [] : [{ name, message }];
  });
  if (problems.length > 0) return problems;
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + (value as string).length, 0);
  if (bytes <= MAX_BYTES) return [];
  return [{ message: `must have at most ${MAX_BYTES} bytes, names and values together` }];
}

function nameProblem(name: string): string | null {
  if (!TOKEN.test(name)) return "is no header name: it may hold letters, digits and !#$%&'*+-.^_`|~";
  const lower = name.toLowerCase();
  const isReserved = RESERVED.has(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
  return isReserved ? 'is reserved: HTTP or this service sets it' : null;
}

function valueProblem(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'must not be empty';
  if (!VALUE.test(value))
    return 'must hold only printable characters of ISO 8859-1, no line break and no NUL';
  if (value.trim() !== value) return 'must not begin or end with white space';
  return value === MASK ? `${MASK} stands for a value that is not shown: give the value itself` : null;
}

/** Headers as they are stored: each value sealed for this webhook. */
export function sealHeaders(
  box: Pick<SecretBox, 'seal'>,
  webhookId: string,
  headers: Record<string, string>,
): SealedHeaderJson[] {
  return Object.entries(headers).map(([name, value]) => ({ name, sealed: box.seal(value, webhookId) }));
}

/** Headers as they are shown: names without values. */
export function maskHeaders(headers: readonly SealedHeaderJson[]): Record<string, string> {
  return Object.fromEntries(headers.map(({ name }) => [name, MASK]));
}
