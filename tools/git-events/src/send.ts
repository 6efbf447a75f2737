import { readFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Settings } from './settings.js';

/** What became of one request. */
export type SendResult =
  | { kind: 'accepted' }
  /** The gateway will never take this body; `answer` says why. */
  | { kind: 'refused'; status: number; answer: string }
  /** Not now: not reachable, too busy, or the token is not right (which can be mended). */
  | { kind: 'unsent'; reason: string };

const MAX_ANSWER_BYTES = 16 * 1024;

/** POSTs a list of events to the gateway. Never throws: whatever fails is `unsent`. */
export async function send(
  { gateway, tokenFile }: Pick<Settings, 'gateway' | 'tokenFile'>,
  body: Buffer,
  signal: AbortSignal,
): Promise<SendResult> {
  try {
    const token = (await readFile(tokenFile, 'utf8')).trim();
    const { status, answer } = await post(eventsUrl(gateway), token, body, signal);
    if (status >= 200 && status < 300) return { kind: 'accepted' };
    // 400, 413, 422 speak of the body; every other answer may be different next time.
    if (status === 400 || status === 413 || status === 422) return { kind: 'refused', status, answer };
    const hint = status === 401 || status === 403 ? ` (the token in ${tokenFile} is not accepted)` : '';
    return { kind: 'unsent', reason: `the gateway answered ${status}${hint}` };
  } catch (error) {
    const reason = signal.aborted ? 'it did not answer in time' : describe(error);
    return { kind: 'unsent', reason: `the gateway ${gateway.origin} can't be used: ${reason}` };
  }
}

function eventsUrl(gateway: URL): URL {
  return new URL(`${gateway.pathname.replace(/\/+$/, '')}/v1/events`, gateway);
}

function post(
  url: URL,
  token: string,
  body: Buffer,
  signal: AbortSignal,
): Promise<{ status: number; answer: string }> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      // A connection kept open would keep the hook, and so the push, waiting.
      agent: false,
      signal,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': body.length,
        'user-agent': 'Dits-Git-Events/0.1',
      },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (answer.length < MAX_ANSWER_BYTES) answer += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, answer }));
    });
    request.end(body);
  });
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  // Connecting to a name with several addresses fails with an AggregateError, which has a code and no message.
  return message || code || String(error);
}
