import { ConfigError } from '@dits/contracts';
import type { RunningConsumer } from '@dits/kafka';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { startAdminServer } from './admin-server.js';
import type { CommonConfig } from './common-config.js';
import { configHelp, describeConfig, readConfig, type ConfigFields, type ConfigOf } from './config.js';
import { FaultFilter } from './fault-filter.js';
import { createHttpApp, type HttpAppOptions } from './http/http-app.js';
import { KafkaStrategy, type StageSettings } from './kafka-strategy.js';
import { Lifecycle } from './lifecycle.js';
import { createLogger, NestLog, toggleLogLevel } from './logger.js';
import { exposeProcess, version } from './process-metrics.js';
import { createRuntime, type Runtime } from './runtime.js';
import { startTracing } from './tracing/start-tracing.js';
import { noTracing } from './tracing/tracing.js';
import { exposeStalls, type stallConfig } from './watch-stalls.js';

/** What every app's `main.ts` says. */
export interface BootOptions<F extends ConfigFields> {
  /** `router`. */
  name: string;
  config: F;
  /** Wires the app: opens what it needs, waits for it, and returns the Nest module. */
  module: (runtime: Runtime<AppConfig<F>>) => DynamicModule | Promise<DynamicModule>;
}

/** The values of an app's fields, which hold the common ones. */
export type AppConfig<F extends ConfigFields> = ConfigOf<F> & CommonConfig;

/** Options of {@link bootWorker}; the fields must have those of `stallConfig`. */
export interface WorkerOptions<F extends ConfigFields> extends BootOptions<F> {
  /** What only the configuration knows about the stages. */
  stages?: (config: AppConfig<F>) => StageSettings;
}

/** Options of {@link bootHttp}; the fields must have `port`, and may have `trustedProxies` and `requestTimeoutMs`. */
export interface HttpOptions<F extends ConfigFields>
  extends
    BootOptions<F>,
    Omit<HttpAppOptions, 'module' | 'log' | 'tracing' | 'setup' | 'trustedProxies' | 'requestTimeoutMs'> {
  setup?: (
    app: Parameters<NonNullable<HttpAppOptions['setup']>>[0],
    runtime: Runtime<AppConfig<F>>,
  ) => void | Promise<void>;
}

/**
 * Runs an app whose controllers are `@EventPattern` stages: reads the configuration, serves the admin port, wires,
 * starts the consumers, and stops in order on SIGTERM. Exits 1 with one clear line when it can't start.
 */
export function bootWorker<const F extends ConfigFields>(o: WorkerOptions<F>): Promise<void> {
  return boot(o, async (runtime, module) => {
    const { config, kafka, log, health, now } = runtime;
    const strategy = new KafkaStrategy({
      kafka,
      log,
      health,
      now,
      prefix: config.topicPrefix,
      waitFor: (what, attempt) => runtime.waitFor(what, attempt),
      ...o.stages?.(config),
    });
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
      strategy,
      logger: new NestLog(log),
      abortOnError: false,
    });
    app.useGlobalFilters(new FaultFilter());
    runtime.onClose('consumers', () => app.close());
    await app.listen();
    watchStalls(runtime, strategy.unwrap<Map<string, RunningConsumer>>());
    return {};
  });
}

/** Runs an app that serves HTTP, in the same way as {@link bootWorker}. */
export function bootHttp<const F extends ConfigFields>(o: HttpOptions<F>): Promise<void> {
  const { setup, bodyLimitBytes, authenticateBelow, rawJson } = o;
  return boot(o, async (runtime, module) => {
    const { config, log } = runtime;
    const { port, trustedProxies, requestTimeoutMs } = config as unknown as {
      port: number;
      trustedProxies?: string[];
      requestTimeoutMs?: number;
    };
    const app = await createHttpApp({
      module,
      log,
      tracing: runtime.tracing,
      ...(trustedProxies !== undefined && { trustedProxies }),
      ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
      ...(bodyLimitBytes !== undefined && { bodyLimitBytes }),
      ...(authenticateBelow !== undefined && { authenticateBelow }),
      ...(rawJson !== undefined && { rawJson }),
      ...(setup && { setup: (created) => setup(created, runtime) }),
    });
    runtime.onClose('http server', () => app.close());
    await app.listen(port, config.host);
    return { url: (await app.getUrl()).replace('[::1]', 'localhost') };
  });
}

function watchStalls(runtime: Runtime, consumers: ReadonlyMap<string, RunningConsumer>): void {
  const { stalls, health, liveness, now } = runtime;
  const config = runtime.config as CommonConfig & ConfigOf<typeof stallConfig>;
  for (const [group, consumer] of consumers) stalls.watch(group, () => consumer.health());
  exposeStalls({
    stalls: () => stalls.stalls,
    groups: () => stalls.groups,
    health,
    liveness,
    config,
    prefix: config.topicPrefix,
    now,
  });
  stalls.start(config.stallLimitMs);
  runtime.onClose('stall watch', () => stalls.stop());
}

async function boot<F extends ConfigFields>(
  o: BootOptions<F>,
  start: (runtime: Runtime<AppConfig<F>>, module: DynamicModule) => Promise<object>,
): Promise<void> {
  const startedAt = performance.now();
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(configHelp(o.name, o.config));
    return;
  }
  const config = readConfigOrExit(o.name, o.config) as AppConfig<F>;
  const log = createLogger({ name: o.name, level: config.logLevel });
  process.on('SIGUSR2', () => toggleLogLevel(log, config.logLevel));
  const lifecycle = new Lifecycle(log, (code) => process.exit(code));
  lifecycle.listenToProcess();
  try {
    const now = Date.now;
    const tracing = await startTracing({ name: o.name, version: version(), env: process.env, log, now });
    if (tracing !== noTracing) lifecycle.onClose('traces', () => tracing.close());
    const runtime = createRuntime({ name: o.name, config, log, lifecycle, tracing, now });
    runtime.health.register('start', () => ({ ok: false, detail: 'starting' }));
    runtime.health.register('stop', () =>
      lifecycle.stopping.aborted ? { ok: false, detail: 'stopping' } : { ok: true },
    );
    exposeProcess({ name: o.name, health: runtime.health });
    const admin = await startAdminServer({
      host: config.host,
      port: config.adminPort,
      health: runtime.health,
      liveness: runtime.liveness,
    });
    runtime.onClose('admin server', () => admin.close());
    const facts = await start(runtime, await o.module(runtime));
    runtime.health.unregister('start');
    log.info(
      {
        ...facts,
        admin: `http://${config.host}:${admin.port}`,
        start_ms: Math.round(performance.now() - startedAt),
        config: describeConfig(o.config, process.env),
      },
      'started',
    );
  } catch (err) {
    // A stop during the start aborts what it waits for; that is no failure.
    if (lifecycle.stopping.aborted) return;
    log.fatal({ err }, `not started: ${err instanceof Error ? err.message : String(err)}`);
    await lifecycle.stop('not started', 1);
  }
}

function readConfigOrExit<F extends ConfigFields>(name: string, fields: F): ConfigOf<F> {
  try {
    return readConfig(fields, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n(--help lists all settings)\n`);
    return process.exit(1);
  }
}
