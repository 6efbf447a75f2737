import { histogram } from '@dits/runtime';
import type { FastifyInstance } from 'fastify';

/** Times every call of the API, by method, route (its pattern, never the path itself) and class of the status. */
export function measureRequests(fastify: FastifyInstance): void {
  const duration = histogram({
    name: 'dits_api_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status_class'],
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url;
    if (route?.startsWith('/v1/')) {
      const status_class = `${Math.floor(reply.statusCode / 100)}xx`;
      duration.observe({ method: request.method, route, status_class }, reply.elapsedTime / 1000);
    }
    done();
  });
}
