import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { measureRequests } from './http/request-metrics.js';
import { openApiDocument, serveDocument } from './openapi/document.js';

/** How the API serves HTTP; tests build the app with the same. */
export const httpOptions = {
  bodyLimitBytes: 256 * 1024,
  authenticateBelow: '/v1/',
  setup(app: NestFastifyApplication, { config }: { config: { publicUrl?: string | undefined } }): void {
    measureRequests(app.getHttpAdapter().getInstance());
    serveDocument(app, openApiDocument(app, config));
  },
};
