import { IdentityFault, KafkaFault, RegistryFault, StorageFault } from '@dits/contracts';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../logger.js';
import { problemBody, ProblemException, type ProblemBody } from './problem.js';

interface Answer {
  body: ProblemBody;
  headers?: Record<string, string>;
}

/** Finds the methods that a path has; empty when it has none. */
export type AllowedMethods = (path: string) => string[];

/**
 * Writes every error as `application/problem+json`: ours, Nest's, and Fastify's own (404, 405, 413, 415, malformed JSON).
 *
 * A fault of Kafka, the registry, the database or the identity provider is a 503 with `Retry-After`; what nobody expected is a 500 that
 * tells the client only the request's id, and an error line.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Logger,
    private readonly allowedMethods: AllowedMethods = () => [],
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.write(exception, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Writes the problem of an error that Nest does not see. */
  write(exception: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { body, headers } = this.answer(exception, request);
    if (!request.raw.complete) readOn(request, reply);
    void reply
      .code(body.status)
      .headers(headers ?? {})
      .header('content-type', 'application/problem+json')
      // Bytes: to a text Fastify adds a charset, which this media type does not have.
      .send(Buffer.from(JSON.stringify(body)));
  }

  private answer(exception: unknown, request: FastifyRequest): Answer {
    if (exception instanceof ProblemException) return { body: exception.body, headers: exception.headers };
    if (
      exception instanceof KafkaFault ||
      exception instanceof RegistryFault ||
      exception instanceof StorageFault ||
      exception instanceof IdentityFault
    ) {
      this.log.warn({ err: exception, request_id: request.id }, 'request not served for a fault');
      return {
        body: problemBody(503, { detail: 'Not possible at the moment; try again.', code: 'unavailable' }),
        headers: { 'retry-after': '2' },
      };
    }
    const status = statusOf(exception);
    // No route took the request: Nest's 404 for that can't know other methods of the path.
    if (status === 404 && request.routeOptions?.url === undefined) return this.noRoute(request);
    if (status >= 400 && status < 500)
      return { body: problemBody(status, { detail: detailOf(status, exception) }) };
    this.log.error({ err: exception, request_id: request.id, method: request.method }, 'request failed');
    return {
      body: problemBody(status, {
        detail: `Something went wrong here. The request's id is ${request.id}.`,
        code: 'internal',
      }),
    };
  }

  private noRoute(request: FastifyRequest): Answer {
    const path = request.url.split('?')[0]!;
    const allowed = this.allowedMethods(path);
    if (allowed.length === 0) return { body: problemBody(404, { detail: `There is nothing at ${path}.` }) };
    const allow = allowed.join(', ');
    return {
      body: problemBody(405, { detail: `${request.method} is not possible at ${path}; possible: ${allow}.` }),
      headers: { allow },
    };
  }
}

/**
 * Lets a client that still sends its body come to its end, in the time that a request has: hung up on, it would see a reset
 * in place of the answer.
 */
function readOn({ raw }: FastifyRequest, reply: FastifyReply): void {
  void reply.header('connection', 'keep-alive');
  if (/close/i.test(raw.headers.connection ?? '')) raw.once('close', () => raw.socket.end());
}

function statusOf(exception: unknown): number {
  if (exception instanceof HttpException) return exception.getStatus();
  const status = (exception as FastifyError | null)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

function detailOf(status: number, exception: unknown): string {
  switch (status) {
    case 413:
      return 'The body is too large.';
    case 415:
      return 'The body must be application/json.';
    default:
      return exception instanceof Error ? exception.message : String(exception);
  }
}
