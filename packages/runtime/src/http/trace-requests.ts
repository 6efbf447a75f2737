import type { FastifyInstance, FastifyRequest } from 'fastify';
import { traceContextOf, type TraceContext } from '../tracing/trace-context.js';
import { noTracing, type Span, type Tracing } from '../tracing/tracing.js';

const spans = new WeakMap<FastifyRequest, Span>();

/** Where a request is in its trace: what it leads to has this as its parent. */
export function traceOf(request: FastifyRequest): TraceContext | undefined {
  return spans.get(request)?.context ?? traceContextOf(request.headers);
}

/** Makes a span of each request, from its headers to the end of its answer. */
export function traceRequests(fastify: FastifyInstance, tracing: Tracing): void {
  if (tracing === noTracing) return;
  fastify.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url;
    const span = tracing.span(route === undefined ? request.method : `${request.method} ${route}`, {
      kind: 'server',
      parent: traceContextOf(request.headers),
      // No query: a filter may hold what is nobody's business here.
      attributes: () => ({
        'http.request.method': request.method,
        'http.route': route,
        'url.path': request.url.split('?')[0],
        'url.scheme': request.protocol,
        'dits.request_id': request.id,
      }),
    });
    spans.set(request, span);
    done();
  });
  fastify.addHook('onResponse', (request, { statusCode }, done) => {
    const span = spans.get(request);
    span?.set(() => ({ 'http.response.status_code': statusCode }));
    span?.end(statusCode >= 500 ? String(statusCode) : undefined);
    done();
  });
}
