import { faultOf } from './json-fault.js';
import { countKeys, shapeOf, type JsonLimits } from './json-shape.js';
import { ProblemException } from './problem.js';

/**
 * Decodes UTF-8; a byte order mark is dropped. Throws a 400 {@link ProblemException} for bytes that are not UTF-8, with the
 * place of the first.
 */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const detail = `The body is not UTF-8: see byte ${firstBrokenByte(bytes)}, counted from 0.`;
    throw new ProblemException(400, { detail, code: 'malformed_json' }, { cause });
  }
}

/** Where bytes stop being UTF-8: at a byte that can't stand there, or at their end when a character is incomplete. */
function firstBrokenByte(bytes: Uint8Array): number {
  let good = 0;
  let broken = bytes.length + 1;
  // A start that is well-formed but for an unfinished character at its end is good; halving finds the longest such.
  while (broken - good > 1) {
    const middle = (good + broken) >> 1;
    if (canBeContinued(bytes.subarray(0, middle))) good = middle;
    else broken = middle;
  }
  return good;
}

function canBeContinued(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads a body's bytes as JSON, the same for every app. Throws a {@link ProblemException}: 400 `malformed_json` when they are not
 * UTF-8 or not JSON; 422 `unsafe_json`, with the path, when they go beyond the limits, when an object has a key twice (one
 * reader would take the first, another the last), or one called `__proto__`.
 *
 * Costs about 2 µs beside the 6 of JSON.parse for a push of 1.5 kB.
 */
export function parseJsonBody(bytes: Uint8Array, limits: JsonLimits): unknown {
  const text = decodeUtf8(bytes);
  const { depth, values, keys } = shapeOf(text);
  if (depth > limits.depth || values > limits.values) throw unsafeJson(text, limits);
  const json = parse(text);
  if (countKeys(json) !== keys) throw unsafeJson(text, limits);
  return json;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const detail = `The body is not JSON: ${(cause as Error).message}`;
    throw new ProblemException(400, { detail, code: 'malformed_json' }, { cause });
  }
}

function unsafeJson(text: string, limits: JsonLimits): ProblemException {
  const { path, message } = faultOf(text, limits)!;
  return new ProblemException(422, {
    detail: path ? `${path}: ${message}` : `The body ${message}.`,
    code: 'unsafe_json',
    errors: [{ path, message }],
  });
}
