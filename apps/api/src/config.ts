import {
  accessConfig,
  adminPort,
  commonConfig,
  databaseUrl,
  destinationConfig,
  port,
  requestTimeoutMs,
  setting,
  type AppConfig,
} from '@dits/runtime';
import { parseTokenKeys, SecretBox } from '@dits/signing';

export const config = {
  ...commonConfig,
  port: port(8080),
  requestTimeoutMs,
  adminPort: adminPort(9106),
  databaseUrl,
  ...accessConfig,
  secretKeys: {
    env: 'DITS_SECRET_KEYS',
    schema: setting.parsed((text) => SecretBox.parseKeys(text)),
    secret: true,
    doc: 'Keys that seal webhook secrets, <key id>:<base64 of 32 bytes>, comma between; the first seals, all open. The dispatcher has the same.',
  },
  tokenKeys: {
    env: 'DITS_TOKEN_KEY',
    schema: setting.parsed(parseTokenKeys),
    secret: true,
    doc: 'Keys of the hash under which tokens are stored, <key id>:<base64 of 32 bytes>, comma between; the first hashes, tokens are known by all. The gateway has the same. A single key may stand without an id.',
  },
  bootstrapToken: {
    env: 'DITS_BOOTSTRAP_TOKEN',
    schema: setting.optional(
      setting.matching(/^[A-Za-z0-9\-._~+/]{20,512}$/, '20 to 512 letters, digits and -._~+/'),
    ),
    secret: true,
    doc: 'A token with every scope, made sure of at start. One given before goes on working until it is deleted.',
  },
  requestsPerSecond: {
    env: 'DITS_API_REQUESTS_PER_SECOND',
    schema: setting.integer(0, 1_000_000),
    default: '50',
    unit: 'requests',
    doc: 'Requests a second that a token without a rate of its own may make, ten times as many at once; 0: no limit. Counted by each process for itself. A person at a console makes a few; each may cost a query of the history.',
  },
  ...destinationConfig,
  publicUrl: {
    env: 'DITS_PUBLIC_URL',
    schema: setting.optional(setting.url('http:', 'https:')),
    doc: 'Where clients reach this API; only shown in the document at /docs.',
  },
  activeTimeoutMs: {
    env: 'DITS_ACTIVE_TIMEOUT_MS',
    schema: setting.integer(100, 25_000),
    default: '5000',
    unit: 'ms',
    doc: 'How long a change of a webhook waits to be on its topic before it is answered with 503. It takes some 10 ms, a broker election about 2 s; 75 ms later it is confirmed.',
  },
  disableAfterDays: {
    env: 'DITS_DISABLE_AFTER_DAYS',
    schema: setting.integer(0, 365),
    default: '5',
    unit: 'days',
    doc: 'A webhook whose deliveries have failed for so long without one success is switched off; 0: never. Several schedules of 23 hours fit in. Only days within DITS_HISTORY_DAYS of the recorder are known.',
  },
  confirmAbove: {
    env: 'DITS_REPLAY_CONFIRM_ABOVE',
    schema: setting.integer(0, 1_000_000_000),
    default: '10000',
    unit: 'deliveries',
    doc: 'A redelivery or replay of more than these must say "confirm": true. A slip of the filter should not flood a receiver.',
  },
};

export type ApiConfig = AppConfig<typeof config>;
