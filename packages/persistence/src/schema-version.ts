import { DitsError, StorageFault } from '@dits/contracts';
import { MigrationExecutor, type DataSource } from 'typeorm';

/** The database lacks migrations that this build needs; run `node packages/persistence/dist/cli/migrate.js up`. */
export class SchemaBehindError extends DitsError {
  readonly code = 'DITS_SCHEMA_BEHIND';
  constructor(readonly pending: string[]) {
    super(
      `the database lacks ${pending.length} migration(s): ${pending.join(', ')}; run the migrate command`,
    );
  }
}

/** Migrations by name, oldest first. */
export interface SchemaVersion {
  executed: string[];
  pending: string[];
}

/** Which migrations the database has and which it lacks. Writes nothing. */
export async function schemaVersion(database: DataSource): Promise<SchemaVersion> {
  try {
    const [row] = await database.query<{ present: boolean }[]>(
      `SELECT to_regclass('migrations') IS NOT NULL AS present`,
    );
    const executor = new MigrationExecutor(database);
    const all = database.migrations.map(({ name }) => name ?? '');
    if (!row?.present) return { executed: [], pending: all };
    const executed = (await executor.getExecutedMigrations()).map(({ name }) => name);
    return { executed: executed.toReversed(), pending: all.filter((name) => !executed.includes(name)) };
  } catch (cause) {
    throw new StorageFault('the schema version can not be read', { cause });
  }
}

/** Throws {@link SchemaBehindError} unless the database has every migration of this build. More than those is fine. */
export async function assertSchemaCurrent(database: DataSource): Promise<void> {
  const { pending } = await schemaVersion(database);
  if (pending.length > 0) throw new SchemaBehindError(pending);
}
