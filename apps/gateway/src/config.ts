import {
  accessConfig,
  adminPort,
  commonConfig,
  databaseUrl,
  port,
  requestTimeoutMs,
  setting,
  type AppConfig,
} from '@dits/runtime';
import { parseTokenKeys } from '@dits/signing';

export const config = {
  ...commonConfig,
  port: port(8081),
  requestTimeoutMs,
  adminPort: adminPort(9101),
  databaseUrl,
  ...accessConfig,
  tokenKeys: {
    env: 'DITS_TOKEN_KEY',
    schema: setting.parsed(parseTokenKeys),
    secret: true,
    doc: 'Keys of the hash under which tokens are stored, <key id>:<base64 of 32 bytes>, comma between; the first hashes, tokens are known by all. The api has the same. A single key may stand without an id.',
  },
  eventsPerSecond: {
    env: 'DITS_INGEST_EVENTS_PER_SECOND',
    schema: setting.integer(0, 10_000_000),
    default: '20000',
    unit: 'events',
    doc: 'Events a second that a token without a rate of its own may post, ten times as many at once; 0: no limit. Counted by each process for itself. Twice what one process takes in: it stops a producer run wild, not a busy service.',
  },
  produceTimeoutMs: {
    env: 'DITS_PRODUCE_TIMEOUT_MS',
    schema: setting.integer(100, 60_000),
    default: '5000',
    unit: 'ms',
    doc: 'How long a request waits for Kafka before it is answered with 503. A broker election takes about 2 s; callers rarely wait 10 s.',
  },
};

export type GatewayConfig = AppConfig<typeof config>;
