import type { SendResult } from '@dits/domain';

/** Stands for a value wherever headers are shown. */
const MASK = '***';
// What is shorter stands in an answer by chance more often than because it was sent back.
const MIN_ECHO = 12;

/** The headers of a request as the history has them: without the values of those that the owner has set. */
export function maskedHeaders(
  sent: Record<string, string>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => [name, Object.hasOwn(own, name) ? MASK : value]),
  );
}

/**
 * An answer as the history has it. Some receivers send back what they got: values of the owner's headers, and their
 * parts (the token of `Bearer <token>`), are masked when they have 12 characters at least. `Accept` is no secret, and
 * an answer's type is often the same text.
 */
export function maskedResult(result: SendResult, own: Readonly<Record<string, string>>): SendResult {
  const values = Object.entries(own)
    .filter(([name]) => !/^accept/i.test(name))
    .flatMap(([, value]) => [value, ...value.split(/\s+/)])
    .filter((value) => value.length >= MIN_ECHO);
  if (result.kind !== 'response' || values.length === 0) return result;
  const masked = (text: string): string => values.reduce((rest, value) => rest.replaceAll(value, MASK), text);
  const headers = Object.entries(result.headers).map(([name, value]) => [name, masked(value)] as const);
  return {
    ...result,
    headers: Object.fromEntries(headers),
    // As Latin-1 every byte is one character, so what is not masked stays as it is.
    body: Buffer.from(masked(result.body.toString('latin1')), 'latin1'),
  };
}
