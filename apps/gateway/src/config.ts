import { adminPort, commonConfig, databaseUrl, port, setting, type AppConfig } from '@dits/runtime';

export const config = {
  ...commonConfig,
  port: port(8081),
  adminPort: adminPort(9101),
  databaseUrl,
  tokenKey: {
    env: 'DITS_TOKEN_KEY',
    schema: setting.base64(32),
    secret: true,
    doc: 'Key of the hash under which tokens are stored; the same as the api has.',
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
