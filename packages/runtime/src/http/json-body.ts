import { ProblemException } from './problem.js';

/** Decodes UTF-8; a byte order mark is dropped. Throws a 400 {@link ProblemException} for bytes that are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ProblemException(400, { detail: 'The body is not UTF-8.', code: 'malformed_json' }, { cause });
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
