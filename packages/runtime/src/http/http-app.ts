import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { NestLog, type Logger } from '../logger.js';
import { noTracing, type Tracing } from '../tracing/tracing.js';
import { authenticate, VERIFY_TOKEN, type VerifyToken } from './bearer-guard.js';
import { answerClientError } from './client-error.js';
import { HeldBodies } from './held-bodies.js';
import { parseJsonBody } from './json-body.js';
import type { JsonLimits } from './json-shape.js';
import { ProblemException } from './problem.js';
import { ProblemFilter } from './problem-filter.js';
import { bodyReader } from './read-body.js';
import { traceRequests } from './trace-requests.js';

/** Options of {@link createHttpApp}. */
export interface HttpAppOptions {
  module: Type | DynamicModule;
  log: Logger;
  /** Default off. */
  tracing?: Tracing;
  /** Largest request body. Default 1 MiB. */
  bodyLimitBytes?: number;
  /** From the first byte to the last of a request, ms. Default 30,000; for the headers alone at most a third of it. */
  requestTimeoutMs?: number;
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
// A body that trickles in must not hold a connection for ever.
const REQUEST_TIMEOUT_MS = 30_000;
// How late a timeout may be; Node's own 30 s would double it.
const TIMEOUT_CHECK_MS = 1_000;
const MAX_HEADER_BYTES = 16_384;
// Browsers and proxies send 20 to 40.
const MAX_HEADERS = 100;
// 64 MiB: four of the gateway's largest bodies, and more than it takes in within the 5 s that Kafka may need. With that much
// in hand it stays below the 512 MiB that its container has.
const HELD_BODY_BYTES = 64 * 1_048_576;
// Nobody's request comes near; lists of ids and the like have at most a thousand items.
const JSON_LIMITS: JsonLimits = { depth: 32, values: 20_000 };
const REQUEST_ID = /^[\w.-]{1,64}$/;

/**
 * Makes a Nest app on Fastify, initialized but not listening, that trusts nothing: no proxy headers but of `trustedProxies`, a limit on headers,
 * body and time of a request and on the bodies of all together, no compressed bodies, every error a problem. A client may name its request by
 * `x-request-id`; the answer carries it, or the one made here.
 */
export async function createHttpApp(o: HttpAppOptions): Promise<NestFastifyApplication> {
  const routes: { method: string; pattern: RegExp }[] = [];
  const filter = new ProblemFilter(o.log, (path) => methodsOf(routes, path));
  const { bodyLimitBytes = 1_048_576, requestTimeoutMs = REQUEST_TIMEOUT_MS } = o;
  const adapter = new FastifyAdapter({
    logger: false,
    trustProxy: o.trustedProxies?.length ? o.trustedProxies : false,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    http: {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.ceil(requestTimeoutMs / 3),
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, requestTimeoutMs),
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    // Fastify's 100 would answer 414 where a field's own check says more; the length of a path is bounded with the headers.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    clientErrorHandler: answerClientError,
    requestIdHeader: false,
    genReqId: (request: IncomingMessage) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    frameworkErrors: (error: Error, request: unknown, reply: unknown) =>
      filter.write(error, request as FastifyRequest, reply as FastifyReply),
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  // Node drops those beyond 2,000 without a word; we refuse them below.
  fastify.server.maxHeadersCount = 0;
  const held = new HeldBodies(HELD_BODY_BYTES);
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
  traceRequests(fastify, o.tracing ?? noTracing);
  fastify.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    refuseManyHeaders(request);
    refuseUnreadableBody(request);
    if (verifier && request.url.startsWith(authenticateBelow)) await authenticate(request, verifier);
    held.follow(request, reply);
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
  const read = bodyReader({ limitBytes: bodyLimitBytes, held });
  fastify.addContentTypeParser('application/json', (request, payload, done) => {
    read(request, payload, (error, body) => {
      if (error || o.rawJson) return done(error, body);
      try {
        done(null, parseJsonBody(body!, JSON_LIMITS));
      } catch (problem) {
        done(problem as Error);
      }
    });
  });
  await o.setup?.(app);
  await app.init();
  await fastify.ready();
  return app;
}

function refuseManyHeaders({ raw }: FastifyRequest): void {
  if (raw.rawHeaders.length <= MAX_HEADERS * 2) return;
  throw new ProblemException(431, { detail: `There are more than ${MAX_HEADERS} headers.` });
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
