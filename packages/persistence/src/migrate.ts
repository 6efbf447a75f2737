import { openDatabase, type Database, type DatabaseOptions } from './database.js';
import { schemaVersion, type SchemaVersion } from './schema-version.js';

// Any fixed number; every migrating process asks for the same.
const MIGRATION_LOCK = 0x64697473;

/**
 * Brings the schema up to date; returns the names of the migrations that were run. Each runs in a transaction of its
 * own. Two at once are safe: the second waits, then finds nothing to do.
 */
export async function migrateDatabase(o: Pick<DatabaseOptions, 'url' | 'log'>): Promise<string[]> {
  return withoutTimeouts(o, async (database) => {
    const lock = database.createQueryRunner();
    await lock.connect();
    try {
      await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      const executed = await database.runMigrations({ transaction: 'each' });
      for (const { name } of executed) o.log.info({ migration: name }, 'database.migrated');
      return executed.map(({ name }) => name);
    } finally {
      await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
      await lock.release();
    }
  });
}

/** Which migrations the database at this url has and lacks. */
export async function readSchemaVersion(o: Pick<DatabaseOptions, 'url' | 'log'>): Promise<SchemaVersion> {
  return withoutTimeouts(o, schemaVersion);
}

async function withoutTimeouts<T>(
  o: Pick<DatabaseOptions, 'url' | 'log'>,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({
    ...o,
    applicationName: 'dits-migrate',
    poolSize: 3,
    statementTimeoutMs: 0,
    requireCurrentSchema: false,
  });
  try {
    return await work(database);
  } finally {
    await database.destroy();
  }
}
