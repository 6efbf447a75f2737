import type pg from 'pg';
import type { Database } from './database.js';
import { storing } from './storing.js';

/** How the pool is used: connections that are busy or idle, queries that wait for one, and most connections. */
export function poolUse(database: Database): { busy: number; idle: number; waiting: number; limit: number } {
  const pool = (database.driver as { master?: pg.Pool }).master;
  if (!pool) return { busy: 0, idle: 0, waiting: 0, limit: 0 };
  const { totalCount, idleCount, waitingCount, options } = pool;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount, limit: options.max };
}

/** Bytes of the database on its server's disk. */
export async function databaseBytes(database: Database): Promise<number> {
  return storing('asking for the size of the database', async () => {
    const [row] = await database.query<{ bytes: number }[]>(
      'SELECT pg_database_size(current_database())::float8 AS bytes',
    );
    return row!.bytes;
  });
}
