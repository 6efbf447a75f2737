import type { FastifyReply } from 'fastify';

/** A whole answer, as it is sent and as it is kept for a repeated request. */
export interface Answer<B = unknown> {
  status: number;
  headers: Record<string, string>;
  body: B;
}

/** Sets status and headers; returns the body for Nest to send. */
export function reply<B>(to: FastifyReply, { status, headers, body }: Answer<B>): B {
  void to.code(status).headers(headers);
  return body;
}
