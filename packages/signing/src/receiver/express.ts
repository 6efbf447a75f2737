import { judgeWith, type ReceiverOptions } from './receiver-options.js';
import type { RequestHeaders, VerifiedDelivery } from './verify-request.js';

export type { ReceiverOptions, Refusal } from './receiver-options.js';
export type { VerifiedDelivery } from './verify-request.js';

/** A request of Express or of Node itself, as far as it matters here. */
export interface ExpressRequest extends AsyncIterable<Uint8Array> {
  headers: RequestHeaders;
  /** Before: unset, or the bytes by `express.raw`. After: what the JSON says. */
  body?: unknown;
  /** The bytes, where a parser before kept them: `express.json({ verify: (req, _, bytes) => { req.rawBody = bytes; } })`. */
  rawBody?: unknown;
  /** Set once it is verified. */
  delivery?: VerifiedDelivery;
}

/** An answer of Express, as far as it matters here: a `Refusal`, or that it is too large. */
export interface ExpressResponse {
  status(code: number): { json(body: unknown): unknown };
}

// Ten times what a delivery has by default: nobody who can't sign should fill the memory.
const MAX_BYTES = 1_048_576;

/**
 * Express middleware that lets only verified deliveries pass. It reads the body itself; `express.raw()` before it is
 * fine, too.
 *
 * What passes has the parsed JSON in `req.body` and its id in `req.delivery`; anything else is answered with 401 and the
 * reason, or with 413 above 1 MiB. A request whose bytes are gone, because `express.json()` has parsed it before, is a
 * `TypeError` for `next`. Throws a `RangeError` at once when the keys are of no use.
 */
export function verifiedDelivery(
  options: ReceiverOptions,
): (request: ExpressRequest, response: ExpressResponse, next: (error?: unknown) => void) => void {
  const judge = judgeWith(options);
  const pass = async (request: ExpressRequest, response: ExpressResponse): Promise<boolean> => {
    const body = await bytesOf(request);
    if (body === null) {
      response.status(413).json({ error: 'too_large' });
      return false;
    }
    const verdict = judge({ body, headers: request.headers });
    if (!verdict.ok) {
      response.status(401).json(verdict.refusal);
      return false;
    }
    request.delivery = verdict.delivery;
    request.body = verdict.json;
    return true;
  };
  return (request, response, next) => {
    pass(request, response).then((passes) => {
      if (passes) next();
    }, next);
  };
}

/** The bytes of the body, also when something before has read them; null when there are too many. */
async function bytesOf(request: ExpressRequest): Promise<Uint8Array | null> {
  const read = [request.rawBody, request.body].find((one) => one instanceof Uint8Array);
  if (read) return read;
  if (request.body !== undefined) {
    throw new TypeError(
      'the body was parsed before its signature was verified: put express.json() after this route, or have it keep the bytes in req.rawBody',
    );
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
