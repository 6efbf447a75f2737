import type { Lane } from './lane-pool.js';
import type { Timeline } from './timeline.js';

// 64 KiB are read, because an answer of that size still leaves the connection usable; more is cut off.
const MAX_READ_BYTES = 64 * 1024;
// 16 KiB are kept: what the history shows.
const MAX_KEPT_BYTES = 16 * 1024;

/** An answer, read to its end or to the limit. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  truncated: boolean;
  /** True when it was read to its end: the connection may be used again. */
  whole: boolean;
}

export type ExchangeEnd =
  | { kind: 'answer'; answer: Answer }
  /** `answered`: at least the first byte of an answer had come. */
  | { kind: 'error'; error: Error; answered: boolean };

/** Sends one request over a lane and reads the answer; never rejects. */
export function exchange(o: {
  lane: Lane;
  url: URL;
  headers: Record<string, string>;
  body: Buffer;
  timeline: Timeline;
}): Promise<ExchangeEnd> {
  const { lane, url, headers, body, timeline } = o;
  return new Promise((resolve) => {
    let answered = false;
    let status = 0;
    let answerHeaders: Record<string, string> = {};
    let readBytes = 0;
    let keptBytes = 0;
    const kept: Buffer[] = [];
    const end = (whole: boolean): void =>
      resolve({
        kind: 'answer',
        answer: {
          status,
          headers: answerHeaders,
          body: Buffer.concat(kept),
          truncated: readBytes > keptBytes || !whole,
          whole,
        },
      });

    lane.client.dispatch(
      { method: 'POST', path: url.pathname + url.search, headers, body },
      {
        onRequestStart() {
          timeline.enter('headers');
        },
        onResponseStarted() {
          answered = true;
        },
        onResponseStart(controller, statusCode) {
          // Interim answers (103 Early Hints) come before the one that counts.
          if (statusCode < 200) return;
          timeline.enter('body');
          status = statusCode;
          answerHeaders = joinHeaders(controller.rawHeaders);
        },
        onResponseData(controller, chunk) {
          readBytes += chunk.length;
          if (keptBytes < MAX_KEPT_BYTES) {
            // A copy: the chunk is a view of a buffer that the parser shares.
            const part = Buffer.from(chunk.subarray(0, MAX_KEPT_BYTES - keptBytes));
            kept.push(part);
            keptBytes += part.length;
          }
          if (readBytes > MAX_READ_BYTES) {
            end(false);
            controller.abort(new Error('enough was read'));
          }
        },
        onResponseEnd() {
          end(true);
        },
        onResponseError(_, error) {
          resolve({ kind: 'error', error, answered });
        },
      },
    );
  });
}

/** Names in lower case; repeated ones joined by comma, as RFC 9110 section 5.3 has it. */
function joinHeaders(raw: unknown): Record<string, string> {
  const lines = Array.isArray(raw) ? (raw as (Buffer | string)[]) : [];
  const joined = new Map<string, string>();
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = text(lines[i]!).toLowerCase();
    const value = text(lines[i + 1]!);
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(joined);
}

function text(bytes: Buffer | string): string {
  return typeof bytes === 'string' ? bytes : bytes.toString('latin1');
}
