import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HealthRegistry } from './health.js';
import { collectProcessMetrics, metricsRegistry } from './metrics.js';

/** A running admin server. */
export interface AdminServer {
  /** The port it listens on. */
  port: number;
  close(): Promise<void>;
}

/**
 * Serves `/livez` (200 while the process runs and no restart would help it) and `/readyz`, each with its checks as JSON and 503
 * when one is not ok, and `/metrics` (Prometheus text). Plain HTTP without authentication: keep its port closed to the outside.
 */
export async function startAdminServer(o: {
  host: string;
  port: number;
  health: HealthRegistry;
  liveness: HealthRegistry;
}): Promise<AdminServer> {
  collectProcessMetrics();
  const server = createServer((request, response) => {
    answer(request, response, o).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(`${String(error)}\n`);
    });
  });
  server.keepAliveTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.port, o.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { health, liveness }: { health: HealthRegistry; liveness: HealthRegistry },
): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(405, 'text/plain', 'only GET\n');
  }
  const sendReport = async (checks: HealthRegistry): Promise<void> => {
    const report = await checks.report();
    send(report.ok ? 200 : 503, 'application/json', `${JSON.stringify(report)}\n`);
  };
  switch (request.url?.split('?')[0]) {
    case '/livez':
      return sendReport(liveness);
    case '/readyz':
      return sendReport(health);
    case '/metrics':
      return send(200, metricsRegistry.contentType, await metricsRegistry.metrics());
    default:
      return send(404, 'text/plain', '/livez /readyz /metrics\n');
  }
}
