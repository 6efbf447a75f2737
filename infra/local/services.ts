import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { endApps } from './app-records.ts';
import { bringUpDatabaseAndRegistry, bringUpKafka } from './bring-up.ts';
import { keepArchive } from './class-archive.ts';
import type { Progress } from './downloads.ts';
import { withLock } from './instance-lock.ts';
import { defaultInstance, instanceDir } from './paths.ts';
import { databaseFolder, postgresOwner } from './postgres-user.ts';
import { writePrivateJson } from './private-file.ts';
import { isRunning } from './process-identity.ts';
import { registryUrl } from './registry.ts';
import { readService, serviceNames, type ServiceName } from './service-records.ts';
import { stopProcess, type StartedProcess } from './supervise.ts';

/** The running services of an instance. */
export interface Services {
  instance: string;
  /** Folder of the instance: data, logs, secrets. */
  folder: string;
  /** `host:port`. */
  kafka: string;
  /** Confluent-compatible root. */
  registry: string;
  /** `postgres://` url. */
  database: string;
  /** Without `postgres` when DITS_DATABASE_URL names another. */
  processes: Partial<Record<ServiceName, StartedProcess>>;
}

export interface StartServicesOptions {
  instance?: string;
  onProgress?: Progress;
  /** Database to use instead of a Postgres of our own; default DITS_DATABASE_URL. */
  databaseUrl?: string;
  signal?: AbortSignal;
}

/**
 * Makes sure that Postgres, Kafka and the registry of an instance run, and resolves when all of them answer. What runs
 * already is used as it is. Throws as soon as one of them ends, with the end of its log; what was started stays up then.
 */
export async function startServices(options: StartServicesOptions = {}): Promise<Services> {
  const { instance = defaultInstance, onProgress = () => {}, signal } = options;
  const databaseUrl = options.databaseUrl ?? (process.env['DITS_DATABASE_URL'] || undefined);
  const folder = instanceDir(instance);
  return withLock(
    lockPath(folder),
    () => start({ instance, folder, databaseUrl, onProgress, signal }),
    (pid) => onProgress(`waiting for process ${pid}, which is starting or stopping this instance`),
    signal,
  );
}

/**
 * Makes sure that Postgres and the registry of an instance run, for somebody who brings a Kafka of their own. What runs
 * already is used as it is; what has died is started again on its former port.
 */
export async function startDatabaseAndRegistry(options: {
  instance: string;
  onProgress?: Progress;
  signal?: AbortSignal;
}): Promise<{ folder: string; registry: string; database: string }> {
  const { instance, onProgress = () => {}, signal = new AbortController().signal } = options;
  const folder = instanceDir(instance);
  const { registry, database } = await withLock(lockPath(folder), () =>
    bringUpDatabaseAndRegistry({ instance, folder, databaseUrl: undefined, onProgress, signal }),
  );
  return { folder, registry: registryUrl(registry.port), database };
}

/** Where an instance's database has its files. */
export function databaseFilesOf(instance: string): string {
  const folder = instanceDir(instance);
  // Who may reach it can be told of what is there only.
  mkdirSync(folder, { recursive: true });
  return databaseFolder(folder, postgresOwner());
}

/** Stops the named services, by default all, the last started first. What is not running is left alone. */
export async function stopServices(options: {
  instance?: string;
  only?: readonly ServiceName[];
  onProgress?: Progress;
}): Promise<void> {
  const { instance = defaultInstance, only = serviceNames, onProgress = () => {} } = options;
  const folder = instanceDir(instance);
  if (!existsSync(folder) || only.length === 0) return;
  await withLock(lockPath(folder), async () => {
    const stop = async (name: ServiceName) => {
      const service = readService(folder, name);
      if (!service || !only.includes(name)) return;
      if (isRunning(service)) onProgress(`stopping ${name}`);
      // SIGINT is Postgres' fast shutdown: it ends the sessions instead of waiting for them.
      const signal = name === 'postgres' ? 'SIGINT' : 'SIGTERM';
      const end = await stopProcess(service, { signal, timeoutMs: 20_000 });
      if (service.archive) keepArchive(service.archive, { wasKilled: end !== 'ended' });
    };
    rmSync(addressesPath(folder), { force: true });
    await Promise.all([stop('kafka'), stop('registry')]);
    await stop('postgres');
  });
}

/** Stops everything of an instance, apps too, and removes its data, its logs and its secrets. */
export async function resetInstance(options: { instance?: string; onProgress?: Progress }): Promise<void> {
  const { instance = defaultInstance } = options;
  const folder = instanceDir(instance);
  if (!existsSync(folder)) return;
  await endApps(folder, { abandonedOnly: false });
  await stopServices(options);
  rmSync(databaseFolder(folder, postgresOwner()), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

export interface ServiceStatus {
  name: ServiceName;
  running: boolean;
  /** Null when it does not run. */
  pid: number | null;
  /** Null when it does not run. */
  port: number | null;
  /** Null when it never ran. */
  logFile: string | null;
}

/** What of an instance runs. */
export function servicesStatus(instance: string = defaultInstance): ServiceStatus[] {
  const folder = instanceDir(instance);
  return serviceNames.map((name) => {
    const service = readService(folder, name);
    const running = service !== null && isRunning(service);
    return {
      name,
      running,
      pid: running ? service.pid : null,
      port: running ? service.port : null,
      logFile: service?.logFile ?? null,
    };
  });
}

async function start(options: {
  instance: string;
  folder: string;
  databaseUrl: string | undefined;
  onProgress: Progress;
  signal: AbortSignal | undefined;
}): Promise<Services> {
  const { instance, folder } = options;
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const all = [
    bringUpKafka({ ...options, signal }),
    bringUpDatabaseAndRegistry({ ...options, signal }),
  ] as const;
  const [kafka, { postgres, registry, database }] = await Promise.all(all).catch(async (error: unknown) => {
    // The other is told to give up and waited for: nothing is started behind the caller's back.
    failed.abort();
    await Promise.allSettled(all);
    throw error;
  });

  const addresses = { kafka: `127.0.0.1:${kafka.port}`, registry: registryUrl(registry.port), database };
  const processes = { ...(postgres && { postgres }), kafka, registry };
  const pids = Object.fromEntries(Object.entries(processes).map(([name, { pid }]) => [name, pid]));
  writePrivateJson(addressesPath(folder), { ...addresses, pids });
  return { instance, folder, ...addresses, processes };
}

function lockPath(folder: string): string {
  return join(folder, 'lock');
}

/** What @dits/testkit reads. */
function addressesPath(folder: string): string {
  return join(folder, 'services.json');
}
