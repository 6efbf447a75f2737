import type { ConfigField, ConfigOf } from './config.js';
import { setting } from './setting.js';

/** Settings that every app has. Spread it into the app's fields, next to {@link adminPort}. */
export const commonConfig = {
  kafkaBrokers: {
    env: 'DITS_KAFKA_BROKERS',
    schema: setting.brokers(),
    doc: 'Kafka brokers to start from, host:port, comma between.',
  },
  registryUrl: {
    env: 'DITS_REGISTRY_URL',
    schema: setting.url('http:', 'https:'),
    doc: 'Confluent-compatible API of the schema registry.',
  },
  topicPrefix: {
    env: 'DITS_TOPIC_PREFIX',
    schema: setting.matching(
      /^[a-zA-Z0-9._-]{0,100}$/,
      'letters, digits, dot, dash and underscore, at most 100',
    ),
    default: '',
    doc: 'Put before every topic and consumer group, so that installations can share a cluster.',
  },
  logLevel: {
    env: 'DITS_LOG_LEVEL',
    schema: setting.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
    default: 'info',
    doc: 'Lowest level that is logged. info has one line per stage and record. SIGUSR2 switches a running process to debug, and back.',
  },
  schemasDir: {
    env: 'DITS_SCHEMAS_DIR',
    schema: setting.optional(setting.text()),
    doc: 'A schemas/ folder to take event types from; without it, those bundled with the build.',
  },
  host: {
    env: 'DITS_HOST',
    schema: setting.text(),
    default: '127.0.0.1',
    doc: 'Address to listen on. Loopback unless somebody decides otherwise; 0.0.0.0 in a container.',
  },
  startTimeoutMs: {
    env: 'DITS_START_TIMEOUT_MS',
    schema: setting.integer(0, 3_600_000),
    default: '60000',
    unit: 'ms',
    doc: 'How long a start waits for Kafka, the registry and the database; then it exits 1. A minute covers a start together with them.',
  },
} as const satisfies Record<string, ConfigField<never> | ConfigField>;

/** The port of `/livez`, `/readyz` and `/metrics`. */
export function adminPort(defaultPort: number): ConfigField<number> {
  return {
    env: 'DITS_ADMIN_PORT',
    schema: setting.port(),
    default: String(defaultPort),
    doc: 'Port of /livez, /readyz and /metrics. Its own, so that it can stay closed to clients.',
  };
}

/** The port an HTTP app serves its clients on. */
export function port(defaultPort: number): ConfigField<number> {
  return { env: 'DITS_PORT', schema: setting.port(), default: String(defaultPort), doc: 'Port for clients.' };
}

/** How long an HTTP app lets a client send. */
export const requestTimeoutMs = {
  env: 'DITS_REQUEST_TIMEOUT_MS',
  schema: setting.integer(1_000, 600_000),
  default: '30000',
  unit: 'ms',
  doc: 'How long a request may take to come, from its first byte to its last; its headers at most a third of that. Beyond it is 408. 30 s let 16 MiB come at 5 Mbit/s.',
} as const satisfies ConfigField<number>;

/** The database, for the apps that use it. */
export const databaseUrl: ConfigField<string> = {
  env: 'DITS_DATABASE_URL',
  schema: setting.url('postgres:', 'postgresql:'),
  secret: true,
  doc: 'Postgres: postgres://user:password@host:port/database.',
};

/** What every app's configuration holds at least. */
export type CommonConfig = ConfigOf<typeof commonConfig> & { adminPort: number };
