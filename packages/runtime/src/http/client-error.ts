import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { problemBody, type ProblemBody } from './problem.js';

/** Answers what never became a request, as far as the client can still be answered: too slow, too long, not HTTP. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(wholeAnswer(problemOf(error)));
  socket.destroy(error);
}

function problemOf({ code }: NodeJS.ErrnoException): ProblemBody {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problemBody(408, { detail: 'The request did not come to its end in time.' });
    case 'HPE_HEADER_OVERFLOW':
      return problemBody(431, { detail: 'Path and headers are longer than 16 KiB.' });
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problemBody(413, { detail: 'The extensions of a chunk are longer than 16 KiB.' });
    default:
      return problemBody(400, { detail: 'This is no HTTP/1.1 request.' });
  }
}

function wholeAnswer(problem: ProblemBody): string {
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
