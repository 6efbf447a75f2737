import { counter, histogram } from '@dits/runtime';
import type { FastifyInstance } from 'fastify';

const accepted = counter({
  name: 'dits_events_accepted_total',
  help: 'Events that were answered with 202, by event name.',
  labelNames: ['event'],
});
const requests = counter({
  name: 'dits_ingest_requests_total',
  help: 'Requests to /v1/events, by status of the answer.',
  labelNames: ['status'],
  // An alert divides by them.
  zeros: [{ status: '202' }, { status: '503' }],
});
const duration = histogram({
  name: 'dits_ingest_duration_seconds',
  help: 'Time from the headers of a request to /v1/events to the end of its answer, by status.',
  labelNames: ['status'],
});

/** Counts the events of an accepted request. */
export function countAccepted(eventNames: string[]): void {
  for (const event of eventNames) accepted.inc({ event });
}

/** Counts and times every request to `/v1/events`, also those that never reach the controller. */
export function measureRequests(fastify: FastifyInstance): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    if (request.url.split('?')[0] === '/v1/events') {
      const status = String(reply.statusCode);
      requests.inc({ status });
      duration.observe({ status }, reply.elapsedTime / 1000);
    }
    done();
  });
}
