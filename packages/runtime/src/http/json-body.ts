import { ProblemException } from './problem.js';

/**
 * Decodes UTF-8; a byte order mark is dropped. Throws a 400 {@link ProblemException} for bytes that are not UTF-8, with the
 * place of the first.
 */
export function decodeUtf8(bytes: Uint8Array): string {
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

/** Reads a body's bytes as JSON. Throws a 400 {@link ProblemException} when they are not UTF-8 or not JSON. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformedJson(cause as Error);
  }
}

/** The problem of a text that JSON.parse refused. */
export function malformedJson(cause: Error): ProblemException {
  return new ProblemException(
    400,
    { detail: `The body is not JSON: ${cause.message}`, code: 'malformed_json' },
    { cause },
  );
}
