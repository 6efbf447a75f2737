import 'reflect-metadata';
import { StorageFault } from '@dits/contracts';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { entities } from './entities/index.js';
import { migrations } from './migrations/index.js';
import { assertSchemaCurrent } from './schema-version.js';

/** What a database connection writes its warnings to; a pino logger fits. */
export interface DatabaseLog {
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
}

/** A connected pool. `bigint` columns come as numbers, exact, and a value beyond ±(2^53-1) is an error, never rounded. */
export type Database = DataSource;

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  log: DatabaseLog;
  /** Connections at most; default 10. */
  poolSize?: number;
  /** Shown in `pg_stat_activity`; default `dits`. */
  applicationName?: string;
  /** A statement that runs longer is cancelled by the server; default 15,000. 0: never. */
  statementTimeoutMs?: number;
  /** How long to wait for a connection, a new one or one from the pool; default 5,000. */
  connectTimeoutMs?: number;
  /** False opens a database whose schema is behind or empty, as the migration command must; default true. */
  requireCurrentSchema?: boolean;
}

/**
 * Opens a pool and checks that the schema is the one this build was written for. It never migrates.
 *
 * Throws {@link StorageFault} when the database can't be reached, `SchemaBehindError` when migrations are missing.
 * A connection that breaks later is logged and replaced; the query that met it fails.
 */
export async function openDatabase(o: DatabaseOptions): Promise<Database> {
  const statementTimeoutMs = o.statementTimeoutMs ?? 15_000;
  const database = new DataSource({
    type: 'postgres',
    url: o.url,
    poolSize: o.poolSize ?? 10,
    applicationName: o.applicationName ?? 'dits',
    connectTimeoutMS: o.connectTimeoutMs ?? 5_000,
    // An idle connection that breaks is an event of the pool, without a query to fail. Unhandled it would end the process.
    poolErrorHandler: (error: Error) => o.log.warn({ error: error.message }, 'database.idle_connection_lost'),
    entities,
    migrations,
    migrationsTableName: 'migrations',
    synchronize: false,
    logging: false,
    installExtensions: false,
    extra: {
      statement_timeout: statementTimeoutMs,
      // The server's own limit answers first; this one is for a server that no longer answers at all.
      query_timeout: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + 5_000,
      idle_in_transaction_session_timeout: 60_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      idleTimeoutMillis: 30_000,
      // After a failover the old server's connections may look alive for long.
      maxLifetimeSeconds: 300,
      types: { getTypeParser },
    },
  });
  try {
    await database.initialize();
  } catch (cause) {
    throw new StorageFault('the database can not be reached', { cause });
  }
  if (o.requireCurrentSchema ?? true) {
    try {
      await assertSchemaCurrent(database);
    } catch (error) {
      await database.destroy();
      throw error;
    }
  }
  return database;
}

const INT8 = 20;
const INT8_ARRAY = 1016;

// pg leaves int8 as text, and its own switch for that rounds; and it would hold for the whole process.
function getTypeParser(oid: number, format?: 'text' | 'binary'): unknown {
  if (format !== 'binary' && oid === INT8) return exactNumber;
  if (format !== 'binary' && oid === INT8_ARRAY) return (text: string) => parseInt8Array(text);
  return pg.types.getTypeParser(oid, format);
}

function exactNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is not within ±(2^53-1)`);
  return value;
}

function parseInt8Array(text: string): (number | null)[] {
  const items = text.slice(1, -1);
  return items === '' ? [] : items.split(',').map((item) => (item === 'NULL' ? null : exactNumber(item)));
}
