import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { NestLog, type Logger } from '../logger.js';
import { authenticate, VERIFY_TOKEN, type VerifyToken } from './bearer-guard.js';
import { decodeUtf8, malformedJson } from './json-body.js';
import { ProblemException } from './problem.js';
import { ProblemFilter } from './problem-filter.js';

/** Options of {@link createHttpApp}. */
export interface HttpAppOptions {
  module: Type | DynamicModule;
  log: Logger;
  /** Largest request body. Default 1 MiB. */
  bodyLimitBytes?: number;
  /** Requests below this path (`/v1/`) must have a valid token before their body is read. Needs `VERIFY_TOKEN`. */
  authenticateBelow?: string;
  /** Takes JSON bodies as the Buffer that came instead of parsing them. */
  rawJson?: boolean;
  /** Addresses and CIDRs whose `X-Forwarded-For` says who the client is. Default none: the client is who connects. */
  trustedProxies?: string[];
  /** More to do before the routes are made: documentation pages, hooks. */
  setup?: (app: NestFastifyApplication) => void | Promise<void>;
}

// Longer than the 60 s that load balancers keep idle connections, so that it is they who close them.
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
// From the first byte to the last of a request; a body that trickles in must not hold a connection for ever.
const REQUEST_TIMEOUT_MS = 30_000;
const REQUEST_ID = /^[\w.-]{1,64}$/;

/**
 * Makes a Nest app on Fastify, initialized but not listening, that trusts nothing: no proxy headers but of `trustedProxies`, a limit on the body
 * and on the time of a request, no compressed bodies, every error a problem. A client may name its request by
 * `x-request-id`; the answer carries it, or the one made here.
 */
export async function createHttpApp(o: HttpAppOptions): Promise<NestFastifyApplication> {
  const routes: { method: string; pattern: RegExp }[] = [];
  const filter = new ProblemFilter(o.log, (path) => methodsOf(routes, path));
  const adapter = new FastifyAdapter({
    logger: false,
    trustProxy: o.trustedProxies?.length ? o.trustedProxies : false,
    bodyLimit: o.bodyLimitBytes ?? 1_048_576,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    requestIdHeader: false,
    genReqId: (request: IncomingMessage) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    frameworkErrors: (error: Error, request: unknown, reply: unknown) =>
      filter.write(error, request as FastifyRequest, reply as FastifyReply),
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, pattern: routePattern(url) });
  });
  const app = await NestFactory.create<NestFastifyApplication>(o.module, adapter, {
    logger: new NestLog(o.log),
    abortOnError: false,
    bodyParser: false,
  });
  app.useGlobalFilters(filter);
  const { authenticateBelow } = o;
  const verifier = authenticateBelow && app.get<VerifyToken>(VERIFY_TOKEN, { strict: false });
  fastify.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    refuseUnreadableBody(request);
    if (verifier && request.url.startsWith(authenticateBelow)) await authenticate(request, verifier);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    o.log.debug(
      {
        request_id: request.id,
        method: request.method,
        route: request.routeOptions.url,
        status_code: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime),
      },
      'http.answered',
    );
    done();
  });
  fastify.removeAllContentTypeParsers();
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (o.rawJson) return done(null, body);
    void parse(request, decodeUtf8(body), (error, value) => done(error && malformedJson(error), value));
  });
  await o.setup?.(app);
  await app.init();
  await fastify.ready();
  return app;
}

function refuseUnreadableBody(request: FastifyRequest): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ProblemException(415, {
      detail: 'A compressed body is not read; send it without Content-Encoding.',
      headers: { 'accept-encoding': 'identity' },
    });
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') {
    throw new ProblemException(415, { detail: `The body must be UTF-8, not ${charset}.` });
  }
}

function routePattern(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) =>
      part === '*' ? '.*' : part.startsWith(':') ? '[^/]+' : part.replaceAll(/[^\w-]/g, '\\$&'),
    )
    .join('/');
  return new RegExp(`^${source}/?$`);
}

function methodsOf(routes: { method: string; pattern: RegExp }[], path: string): string[] {
  const methods = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  return [...new Set(methods)].sort();
}
