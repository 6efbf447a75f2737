import type { HttpAppOptions, JsonLimits } from '@dits/runtime';
import { measureRequests } from './ingest-metrics.js';

// A thousand events of 16 KiB, or a few of the largest; parsing that much takes about 0.1 s.
const MAX_BODY_BYTES = 16 * 1_048_576;

/** A thousand for each of a thousand events. A push has one for every 20 bytes, so 16 MiB of them have fewer. */
export const jsonLimits: JsonLimits = { depth: 32, values: 1_000_000, listName: 'events' };

/** How the gateway serves HTTP; tests build the app with the same. */
export const httpOptions = {
  bodyLimitBytes: MAX_BODY_BYTES,
  // Nobody without a token gets us to read 16 MiB.
  authenticateBelow: '/v1/',
  rawJson: true,
  setup: (app) => measureRequests(app.getHttpAdapter().getInstance()),
} satisfies Omit<HttpAppOptions, 'module' | 'log'>;
