import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appNames, chooseAppPorts, type AppName, type AppPorts } from './app-ports.ts';
import { clearFolderForApps, forgetApps, recordApps } from './app-records.ts';
import type { Progress } from './downloads.ts';
import { cacheDir, repositoryRoot } from './paths.ts';
import { appSecrets, type AppSecrets } from './secrets.ts';
import type { Services } from './services.ts';
import {
  startProcess,
  stopProcess,
  waitUntilReady,
  watchProcess,
  type ProcessDied,
  type StartedProcess,
} from './supervise.ts';

const run = promisify(execFile);

/** As infra/docker/Dockerfile has them; why: docs/adr/0026-v8s-heap.md. */
function nodeOptionsOf(app: AppName): string[] {
  const youngGeneration = app === 'recorder' ? [] : ['--max-semi-space-size=16'];
  return ['--enable-source-maps', '--heap-growing-percent=100', ...youngGeneration];
}

export interface StartAppsOptions {
  services: Pick<Services, 'kafka' | 'registry' | 'database'>;
  /** For logs and secrets; two sets of apps need two folders. */
  folder: string;
  /** DITS_TOPIC_PREFIX: one of its own lets several sets share one Kafka. */
  prefix?: string;
  /** Copies of each partition. Default 1: there is one broker. */
  replication?: number;
  /** Default: the services' one. */
  databaseUrl?: string;
  /** The tree whose builds are run. Default: this repository. */
  root?: string;
  /** Added to the environment of an app, or of all. */
  env?: Partial<Record<AppName | 'all', Record<string, string>>>;
  /** Default: all. */
  apps?: readonly AppName[];
  /** Try 8080, 8081 and 9101 to 9106 first. Default false. */
  usualPorts?: boolean;
  /** Called when an app ends that nobody has stopped. */
  onExit?: (died: ProcessDied) => void;
  onProgress?: Progress;
  signal?: AbortSignal;
}

export interface RunningApp {
  name: AppName;
  /** Where it answers calls; of gateway and api only. */
  url: string | null;
  /** Root of /livez, /readyz and /metrics. */
  adminUrl: string;
  logFile: string;
  /** Null while it is stopped. */
  readonly pid: number | null;
  /** Sends the signal (SIGTERM) and waits for the end; kills it after 30 s. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same ports, and waits until it is ready. Does nothing when it runs. */
  start(): Promise<void>;
  /** Ends it without a chance to tidy up. */
  kill(): Promise<void>;
}

export interface RunningApps {
  /** Root url of the gateway; empty when it is not among the apps. */
  gateway: string;
  /** Root url of the api; empty when it is not among the apps. */
  api: string;
  /** A token with every scope. */
  token: string;
  secrets: AppSecrets;
  apps: Record<AppName, RunningApp>;
  /** Pids of those that run. */
  pids(): Partial<Record<AppName, number>>;
  /** Stops all at once. */
  stop(): Promise<void>;
}

/**
 * Brings database and topics to what the build expects, then starts the apps and resolves when each says at /readyz
 * that it is ready. Throws as soon as one of them ends, with the end of its log; the others are stopped then.
 */
export async function startApps(options: StartAppsOptions): Promise<RunningApps> {
  const { folder, onProgress = () => {}, apps: wanted = appNames } = options;
  mkdirSync(join(folder, 'logs'), { recursive: true });
  await clearFolderForApps(folder);
  const secrets = appSecrets(folder);
  const [ports] = await Promise.all([
    chooseAppPorts(wanted, { usualFirst: options.usualPorts ?? false }),
    prepare(options, onProgress),
  ]);
  options.signal?.throwIfAborted();

  onProgress(`starting ${wanted.join(', ')}`);
  const context = {
    options,
    secrets,
    ports,
    recordAll: () =>
      recordApps(
        folder,
        slots.flatMap((slot) => slot.process ?? []),
      ),
  };
  const slots = wanted.map((name) => new AppSlot(name, context));
  const stop = async () => {
    await Promise.all(slots.map((slot) => slot.stop()));
    forgetApps(folder);
  };
  try {
    await withProgress(slots, onProgress);
  } catch (error) {
    await stop();
    throw error;
  }
  const apps = Object.fromEntries(slots.map((slot): [string, RunningApp] => [slot.name, slot])) as Record<
    AppName,
    RunningApp
  >;
  return {
    gateway: apps.gateway?.url ?? '',
    api: apps.api?.url ?? '',
    token: secrets.token,
    secrets,
    apps,
    pids: () => Object.fromEntries(slots.flatMap(({ name, pid }) => (pid === null ? [] : [[name, pid]]))),
    stop,
  };
}

// One line for all that are still awaited, not one each.
async function withProgress(slots: AppSlot[], onProgress: Progress): Promise<void> {
  const startedAtMs = Date.now();
  const awaited = new Set(slots.map((slot) => slot.name));
  const word = setInterval(() => {
    onProgress(`waiting for ${[...awaited].join(', ')} (${Math.round((Date.now() - startedAtMs) / 1000)} s)`);
  }, 5_000);
  try {
    await Promise.all(slots.map((slot) => slot.start().then(() => awaited.delete(slot.name))));
  } finally {
    clearInterval(word);
  }
}

interface SlotContext {
  options: StartAppsOptions;
  secrets: AppSecrets;
  ports: Record<string, AppPorts>;
  /** Notes down what runs, for a later start to find should we be killed. */
  recordAll: () => void;
}

/** The place of one app: empty or with its running process. */
class AppSlot implements RunningApp {
  readonly name: AppName;
  readonly url: string | null;
  readonly adminUrl: string;
  readonly logFile: string;
  #process: StartedProcess | null = null;
  #endWatch: () => void = () => {};
  readonly #context: SlotContext;

  constructor(name: AppName, context: SlotContext) {
    const { port, adminPort } = context.ports[name]!;
    this.name = name;
    this.url = port === undefined ? null : `http://127.0.0.1:${port}`;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.logFile = join(context.options.folder, 'logs', `${name}.log`);
    this.#context = context;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  get process(): StartedProcess | null {
    return this.#process;
  }

  async start(): Promise<void> {
    if (this.#process) return;
    const { options, recordAll } = this.#context;
    const started = await startProcess({
      name: this.name,
      command: process.execPath,
      args: [
        ...nodeOptionsOf(this.name),
        join(options.root ?? repositoryRoot, `apps/${this.name}/dist/main.js`),
      ],
      env: appEnvironment(this.name, this.#context),
      cwd: options.folder,
      logFile: this.logFile,
    });
    this.#process = started;
    recordAll();
    await waitUntilReady(started, {
      isReady: () => answersOk(`${this.adminUrl}/readyz`),
      // 60 s: six at once on two busy cores take ten.
      timeoutMs: 60_000,
      signal: options.signal,
    });
    if (this.#process !== started) return; // stopped meanwhile
    this.#endWatch = watchProcess(started, (died) => {
      this.#process = null;
      options.onExit?.(died);
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = this.#process;
    this.#endWatch();
    this.#process = null;
    // 30 s: above the drain limit of the apps.
    if (running) await stopProcess(running, { signal, timeoutMs: 30_000 });
  }

  async kill(): Promise<void> {
    await this.stop('SIGKILL');
  }
}

async function prepare(options: StartAppsOptions, onProgress: Progress): Promise<void> {
  onProgress('bringing the database and the topics up to date');
  const { services, databaseUrl = services.database, prefix = '', replication = 1 } = options;
  const command = async (path: string, args: string[], env: Record<string, string>) => {
    try {
      await run(process.execPath, [join(options.root ?? repositoryRoot, path), ...args], {
        env: { ...inherited(), ...env },
        signal: options.signal,
      });
    } catch (cause) {
      options.signal?.throwIfAborted();
      const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
      throw new Error(`${path} ${args.join(' ')} failed:\n${`${stdout}${stderr}`.trim()}`, { cause });
    }
  };
  await Promise.all([
    command('packages/persistence/dist/cli/migrate.js', ['up'], { DITS_DATABASE_URL: databaseUrl }),
    command('packages/kafka/dist/cli/topics.js', ['apply'], {
      DITS_KAFKA_BROKERS: services.kafka,
      DITS_TOPIC_PREFIX: prefix,
      DITS_TOPIC_REPLICATION: String(replication),
    }),
  ]);
}

function appEnvironment(name: AppName, { options, secrets, ports }: SlotContext): NodeJS.ProcessEnv {
  const { services, databaseUrl = services.database, prefix = '', env = {} } = options;
  const { port, adminPort } = ports[name]!;
  const has = (...apps: AppName[]) => apps.includes(name);
  return {
    // Receivers of the demo, of tests and of measurements are on this machine. Not put over what the user has set.
    DITS_ALLOWED_DESTINATIONS: '127.0.0.0/8,::1',
    ...inherited(),
    DITS_HOST: '127.0.0.1',
    DITS_KAFKA_BROKERS: services.kafka,
    DITS_REGISTRY_URL: services.registry,
    DITS_TOPIC_PREFIX: prefix,
    DITS_ADMIN_PORT: String(adminPort),
    ...(port === undefined ? {} : { DITS_PORT: String(port) }),
    ...(has('gateway', 'recorder', 'api') ? { DITS_DATABASE_URL: databaseUrl } : {}),
    ...(has('gateway', 'api') ? { DITS_TOKEN_KEY: secrets.tokenKey } : {}),
    ...(has('api', 'dispatcher') ? { DITS_SECRET_KEYS: secrets.secretKeys } : {}),
    ...(has('api') ? { DITS_BOOTSTRAP_TOKEN: secrets.token } : {}),
    ...(has('api') && ports['gateway']
      ? { DITS_GATEWAY_URL: `http://127.0.0.1:${ports['gateway'].port}` }
      : {}),
    ...env.all,
    ...env[name],
  };
}

// The user's own DITS_ and OTEL_ settings reach the apps; what this file decides is put over them.
function inherited(): NodeJS.ProcessEnv {
  const passed = /^(DITS_|OTEL_|PATH$|HOME$|TZ$|LANG$|LC_|TMPDIR$|NODE_EXTRA_CA_CERTS$|SSL_CERT_)/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([key]) => passed.test(key))),
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
    // Six processes load the same modules: from the second start on they are compiled already.
    NODE_COMPILE_CACHE: join(cacheDir(), 'node-compile-cache'),
  };
}

async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}
