import {
  adminPort,
  commonConfig,
  databaseUrl,
  destinationConfig,
  port,
  setting,
  type AppConfig,
} from '@dits/runtime';
import { SecretBox } from '@dits/signing';

export const config = {
  ...commonConfig,
  port: port(8080),
  adminPort: adminPort(9106),
  databaseUrl,
  secretKeys: {
    env: 'DITS_SECRET_KEYS',
    schema: setting.parsed((text) => SecretBox.parseKeys(text)),
    secret: true,
    doc: 'Keys that seal webhook secrets, <key id>:<base64 of 32 bytes>, comma between; the first seals, all open. The dispatcher has the same.',
  },
  tokenKey: {
    env: 'DITS_TOKEN_KEY',
    schema: setting.base64(32),
    secret: true,
    doc: 'Key of the hash under which tokens are stored; the same as the gateway has.',
  },
  bootstrapToken: {
    env: 'DITS_BOOTSTRAP_TOKEN',
    schema: setting.optional(
      setting.matching(/^[A-Za-z0-9\-._~+/]{20,512}$/, '20 to 512 letters, digits and -._~+/'),
    ),
    secret: true,
    doc: 'A token with every scope, made sure of at start. One given before goes on working until it is deleted.',
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
    doc: 'How long a change of a webhook waits to be on its topic before it is answered with 503. It takes some 10 ms; a broker election about 2 s.',
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
