import { judgeWith, type ReceiverOptions } from './receiver-options.js';
import type { RequestHeaders, VerifiedDelivery } from './verify-request.js';

export type { ReceiverOptions, Refusal } from './receiver-options.js';
export type { VerifiedDelivery } from './verify-request.js';

/** A request of Fastify, as far as it matters here. */
export interface FastifyRequestLike {
  headers: RequestHeaders;
  body?: unknown;
  /** Set once it is verified. */
  delivery?: VerifiedDelivery;
}

interface FastifyReplyLike {
  code(status: number): { send(body: unknown): unknown };
}

/** A Fastify instance. Its own types are generic in too many ways to be repeated here: any is taken, with these two methods. */
export interface FastifyScope {
  addContentTypeParser: (...args: never[]) => unknown;
  addHook: (...args: never[]) => unknown;
}

/** The two methods as they are used here. */
interface UsedScope {
  addContentTypeParser(
    type: string,
    options: { parseAs: 'buffer' },
    parse: (request: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => void,
  ): void;
  addHook(
    name: 'preValidation',
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>,
  ): void;
}

/**
 * Lets only verified deliveries reach the routes of a Fastify scope: call it first in a plugin of its own, whose routes
 * are those of the webhook. JSON bodies of that scope are kept as bytes until they are verified.
 *
 * What passes has the parsed JSON in `request.body` and its id in `request.delivery`; anything else is answered with 401
 * and the reason. Throws a `RangeError` at once when the keys are of no use.
 */
export function verifyDeliveries(scope: FastifyScope, options: ReceiverOptions): void {
  const judge = judgeWith(options);
  const used: UsedScope = scope;
  used.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  used.addHook('preValidation', async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    const verdict = judge({ body, headers: request.headers });
    if (!verdict.ok) return reply.code(401).send(verdict.refusal);
    request.delivery = verdict.delivery;
    request.body = verdict.json;
    return undefined;
  });
}
