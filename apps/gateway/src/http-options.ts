import type { HttpAppOptions } from '@dits/runtime';
import type { AcceptDeps } from './accept-event.js';
import { ACCEPT_DEPS } from './events.controller.js';
import { measureRequests } from './ingest-metrics.js';
import { openApiDocument } from './openapi.js';

// A thousand events of 16 KiB, or a few of the largest; parsing that much takes about 0.1 s.
const MAX_BODY_BYTES = 16 * 1_048_576;

/** How the gateway serves HTTP; tests build the app with the same. */
export const httpOptions = {
  bodyLimitBytes: MAX_BODY_BYTES,
  // Nobody without a token gets us to read 16 MiB.
  authenticateBelow: '/v1/',
  rawJson: true,
  setup(app) {
    const fastify = app.getHttpAdapter().getInstance();
    measureRequests(fastify);
    const document = openApiDocument(app.get<AcceptDeps>(ACCEPT_DEPS).catalogue);
    fastify.get('/openapi.json', () => document);
  },
} satisfies Omit<HttpAppOptions, 'module' | 'log'>;
