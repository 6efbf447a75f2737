import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { archiveOptions, classArchive, type ClassArchive } from './class-archive.ts';
import { apicurio, kafkaJars, type Progress } from './downloads.ts';
import { findJava } from './java.mjs';
import { isKafkaReady, kafkaSpec } from './kafka.ts';
import { defaultInstance } from './paths.ts';
import { choosePort } from './ports.ts';
import { databaseUser, ensureDatabase, isPostgresReady, postgresSpec, urlOfDatabase } from './postgres.ts';
import { madeOnce } from './private-file.ts';
import { isRunning } from './process-identity.ts';
import { isRegistryReady, registrySpec } from './registry.ts';
import { readService, recordService, type RecordedService, type ServiceName } from './service-records.ts';
import { startProcess, waitUntilReady, type ProcessSpec } from './supervise.ts';
import { versions } from './versions.ts';

export interface BringUpContext {
  instance: string;
  /** Of the instance. */
  folder: string;
  /** A database to use instead of a Postgres of our own. */
  databaseUrl: string | undefined;
  onProgress: Progress;
  signal: AbortSignal;
}

// Not the usual 5432 and 9092: those are likely to be somebody's real ones.
const usualPorts = {
  postgres: 15432,
  kafka: 19092,
  kafkaController: 19093,
  registry: 18081,
  registryManagement: 18082,
};

// Of the default instance only: two others that start at once would both find the same one free.
function usualPort(instance: string, of: keyof typeof usualPorts): number | undefined {
  return instance === defaultInstance ? usualPorts[of] : undefined;
}

// 90 s: a first start of all three on a busy two-core machine takes a third of it.
const readyTimeoutMs = 90_000;

/** Makes sure that Kafka runs. */
export function bringUpKafka(context: BringUpContext): Promise<RecordedService> {
  const { folder: instanceFolder, instance, onProgress, signal } = context;
  return bringUp(context, 'kafka', {
    isReady: isKafkaReady,
    spec: async (port) => {
      const jars = await kafkaJars(context);
      const taken = new Set([port]);
      const controllerPort = await choosePort({ preferred: [usualPort(instance, 'kafkaController')], taken });
      const java = findJdk();
      const archive = classArchive({ folder: jars, java, instance });
      const javaOptions = archiveOptions(archive);
      const ports = { port, controllerPort };
      const spec = await kafkaSpec({ instanceFolder, java, javaOptions, jars, ...ports, onProgress, signal });
      return { ...spec, archive };
    },
  });
}

/**
 * Makes sure that a database server and, with its schemas in it, the registry run. `postgres` is null when the database
 * is one that was given.
 */
export async function bringUpDatabaseAndRegistry(
  context: BringUpContext,
): Promise<{ postgres: RecordedService | null; registry: RecordedService; database: string }> {
  const downloaded = apicurio(context);
  downloaded.catch(() => {}); // awaited below; Postgres may fail first
  const postgres = context.databaseUrl === undefined ? await bringUpPostgres(context) : null;
  const database = context.databaseUrl ?? serverUrl(context.folder, postgres!.port, 'dits');
  // A server that is not ours may hold other things: its registry database is named after the one given.
  const registryDatabase = urlOfDatabase(database, postgres ? 'registry' : `${nameOf(database)}_registry`);
  await ensureDatabase(database, nameOf(registryDatabase));
  const registry = await bringUpRegistry(context, registryDatabase, await downloaded);
  return { postgres, registry, database };
}

async function bringUpPostgres(context: BringUpContext): Promise<RecordedService> {
  const { folder, instance, onProgress } = context;
  const postgres = await bringUp(context, 'postgres', {
    isReady: (port) => isPostgresReady(serverUrl(folder, port, 'postgres')),
    spec: (port) =>
      postgresSpec({
        instanceFolder: folder,
        port,
        password: databasePassword(folder),
        durable: instance !== 'test',
        onProgress,
      }),
  });
  await ensureDatabase(serverUrl(folder, postgres.port, 'postgres'), 'dits');
  return postgres;
}

function bringUpRegistry(context: BringUpContext, databaseUrl: string, apicurioFolder: string) {
  const { folder: instanceFolder, instance } = context;
  return bringUp(context, 'registry', {
    isReady: isRegistryReady,
    spec: async (port) => {
      const taken = new Set([port]);
      const managementPort = await choosePort({
        preferred: [usualPort(instance, 'registryManagement')],
        taken,
      });
      const java = findJdk();
      const archive = classArchive({ folder: apicurioFolder, java, instance });
      const javaOptions = archiveOptions(archive);
      const ports = { port, managementPort };
      return {
        ...registrySpec({
          instanceFolder,
          java,
          javaOptions,
          apicurio: apicurioFolder,
          ...ports,
          databaseUrl,
        }),
        archive,
      };
    },
  });
}

type SpecWithArchive = ProcessSpec & { archive?: ClassArchive };

async function bringUp(
  context: BringUpContext,
  name: ServiceName,
  how: { isReady: (port: number) => Promise<boolean>; spec: (port: number) => Promise<SpecWithArchive> },
): Promise<RecordedService> {
  const { folder, instance, onProgress, signal } = context;
  const untilReady = (service: RecordedService, timeoutMs: number) =>
    waitUntilReady(service, {
      isReady: () => how.isReady(service.port),
      timeoutMs,
      onWaiting: (seconds) => onProgress(`waiting for ${name} (${seconds} s)`),
      signal,
    });

  const before = readService(folder, name);
  if (before && isRunning(before)) {
    await untilReady(before, 20_000);
    return before;
  }
  // The last run's port first: what was noted down elsewhere stays right.
  const port = await choosePort({ preferred: [before?.port, usualPort(instance, name)] });
  const { archive, ...spec } = await how.spec(port);
  signal.throwIfAborted();
  onProgress(`starting ${name} on 127.0.0.1:${port}`);
  const service: RecordedService = { ...(await startProcess(spec)), port, ...(archive && { archive }) };
  recordService(folder, name, service);
  await untilReady(service, readyTimeoutMs);
  return service;
}

/** The program of a JDK that is new enough. Throws when there is none. */
export function findJdk(): string {
  const { found } = findJava(versions.leastJava);
  if (!found)
    throw new Error(`No JDK of ${versions.leastJava} or later found: npm run setup says how to get one.`);
  return found.java;
}

function serverUrl(folder: string, port: number, database: string): string {
  return `postgres://${databaseUser}:${databasePassword(folder)}@127.0.0.1:${port}/${database}`;
}

function databasePassword(folder: string): string {
  const make = () => ({ databasePassword: randomBytes(18).toString('base64url') });
  return madeOnce(join(folder, 'secrets.json'), make).databasePassword;
}

function nameOf(databaseUrl: string): string {
  return decodeURIComponent(new URL(databaseUrl).pathname.slice(1));
}
