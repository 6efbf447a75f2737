import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { HeldBodies } from './held-bodies.js';
import { ProblemException } from './problem.js';

/** A content type parser of Fastify that gives the bytes as they came. */
export type ReadBody = (
  request: FastifyRequest,
  payload: IncomingMessage,
  done: (error: Error | null, body?: Buffer) => void,
) => void;

/** Reads bodies up to `limitBytes`, 413 beyond; 503 with `Retry-After` when `held` has no room for more. */
export function bodyReader({ limitBytes, held }: { limitBytes: number; held: HeldBodies }): ReadBody {
  const tooLarge = new ProblemException(413, { detail: `The body is larger than ${limitBytes} bytes.` });
  const busy = new ProblemException(503, {
    detail: 'Too many bodies are on their way here at once; try again.',
    code: 'busy',
    headers: { 'retry-after': '1' },
  });

  return (request, payload, done) => {
    if (Number(request.headers['content-length']) > limitBytes) return done(tooLarge);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (error: Error | null): void => {
      payload.off('data', onData).off('end', onEnd).off('error', onError);
      if (error) done(error);
      else done(null, Buffer.concat(chunks, bytes));
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limitBytes) return end(tooLarge);
      if (!held.take(request, chunk.length)) return end(busy);
      chunks.push(chunk);
    };
    const onEnd = (): void => end(null);
    // The client has gone; the answer goes nowhere.
    const onError = (error: Error): void => end(Object.assign(error, { statusCode: 400 }));
    payload.on('data', onData).on('end', onEnd).on('error', onError);
  };
}
