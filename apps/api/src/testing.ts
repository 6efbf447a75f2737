import { randomBytes } from 'node:crypto';
import {
  applyTopics,
  createCodec,
  createKafka,
  startBatchConsumer,
  type Codec,
  type IncomingRecord,
} from '@dits/kafka';
import { migrateDatabase, openDatabase, type Database } from '@dits/persistence';
import {
  createHttpApp,
  createLogger,
  createRuntime,
  Lifecycle,
  loadCatalogue,
  readConfig,
  type Runtime,
} from '@dits/runtime';
import { createDatabase, services, uniquePrefix, until as untilSeen } from '@dits/testkit';
import { topicNames, type TopicNames } from '@dits/contracts';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { config, type ApiConfig } from './config.js';
import { httpOptions } from './http-options.js';

export const ADMIN = 'dits_admin_token_for_tests';

/** A call as a test writes it. */
export interface TestCall {
  body?: unknown;
  /** Default {@link ADMIN}; null: none. */
  token?: string | null;
  headers?: Record<string, string>;
}

export interface TestAnswer {
  status: number;
  headers: Record<string, string>;
  json: any;
  text: string;
}

/** The API over real services, in this process, with its own topics and database. */
export interface TestApi {
  app: NestFastifyApplication;
  /** Every route that the running app has: `GET /v1/repos/:repo/webhooks`. */
  routes: string[];
  runtime: Runtime<ApiConfig>;
  /** A second connection to the API's database; closed at the end. */
  database: Database;
  topics: TopicNames;
  codec: Codec;
  logged: () => Record<string, unknown>[];
  call(method: string, url: string, o?: TestCall): Promise<TestAnswer>;
  /** Every record of a topic so far and from now on, decoded; null for a tombstone. */
  follow(topic: string): Promise<{ records: { key: string; value: any }[] }>;
  stop(): Promise<void>;
}

/** Starts {@link TestApi}. */
export async function startApi(env: Record<string, string> = {}): Promise<TestApi> {
  const prefix = uniquePrefix();
  const place = await createDatabase();
  const lines: string[] = [];
  const log = createLogger({
    name: 'api',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  });
  await migrateDatabase({ url: place.url, log });
  const database = await openDatabase({ url: place.url, log, poolSize: 2 });
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'api-test', log });
  await applyTopics({ kafka, prefix, replication: 1 });
  const lifecycle = new Lifecycle(log, () => undefined);
  const runtime = createRuntime({
    name: 'api',
    log,
    lifecycle,
    now: Date.now,
    config: readConfig(config, {
      DITS_KAFKA_BROKERS: services().kafka,
      DITS_REGISTRY_URL: services().registry,
      DITS_DATABASE_URL: place.url,
      DITS_TOPIC_PREFIX: prefix,
      DITS_SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      DITS_TOKEN_KEY: randomBytes(32).toString('base64'),
      DITS_BOOTSTRAP_TOKEN: ADMIN,
      ...env,
    }),
  });
  const routes: string[] = [];
  const { setup, ...options } = httpOptions;
  const app = await createHttpApp({
    module: await AppModule.wire(runtime),
    log,
    ...options,
    trustedProxies: runtime.config.trustedProxies,
    setup: (created) => {
      created
        .getHttpAdapter()
        .getInstance()
        .addHook(
          'onRoute',
          ({ method, url }) => void routes.push(...[method].flat().map((one) => `${one} ${url}`)),
        );
      setup(created, runtime);
    },
  });
  const topics = topicNames(prefix);
  const codec = createCodec({ registryUrl: services().registry, catalogue: loadCatalogue(), topics, log });
  const following: { stop(): Promise<void> }[] = [];
  return {
    app,
    routes,
    runtime,
    database,
    topics,
    codec,
    logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    async call(method, url, { body, token = ADMIN, headers = {} } = {}) {
      const answer = await app.inject({
        method: method as 'GET',
        url,
        headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
        ...(body !== undefined && { payload: body as object }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers as Record<string, string>,
        json:
          answer.payload !== '' && /json/.test(String(answer.headers['content-type']))
            ? JSON.parse(answer.payload)
            : undefined,
        text: answer.payload,
      };
    },
    async follow(topic) {
      const records: { key: string; value: any }[] = [];
      const handle = async (batch: IncomingRecord[]): Promise<void> => {
        for (const { key, value } of batch) {
          records.push({ key: String(key), value: value && (await codec.decode(value)) });
        }
      };
      following.push(
        await startBatchConsumer({ kafka, log, groupId: uniquePrefix(), topics: [topic], handle }),
      );
      return { records };
    },
    async stop() {
      await Promise.all(following.map((consumer) => consumer.stop()));
      await app.close();
      await lifecycle.stop('test over', 0);
      await database.destroy();
      await place.drop();
    },
  };
}

/** Looks until there is something to see, at most as long as a test may take. */
export const until = <T>(look: () => T | Promise<T>) => untilSeen('what the test waits for', look, 60_000);
