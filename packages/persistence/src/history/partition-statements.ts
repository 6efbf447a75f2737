import type { EntityManager } from 'typeorm';
import type { Database } from '../database.js';

// Any fixed number; every process that makes partitions asks for the same.
const PARTITION_LOCK = 0x70617274;

/** Lets one process at a time make partitions, until the transaction ends. */
export async function lockPartitions(tx: EntityManager): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
}

/**
 * Makes the partition of the UTC days from one to before another (`2026-11-25`); readers and writers go on.
 *
 * One with `isInsertOnly` is not vacuumed for its inserts: that would write every page once more to freeze rows, which are dropped long before
 * they need it. Rows that are deleted or updated all the same are still cleared away.
 */
export async function createPartition(
  tx: EntityManager,
  o: { table: string; name: string; from: string; to: string; isInsertOnly?: boolean },
): Promise<void> {
  const { table, name, from, to, isInsertOnly = false } = o;
  const settings = isInsertOnly ? ' WITH (autovacuum_vacuum_insert_threshold = -1)' : '';
  // CREATE TABLE … PARTITION OF would lock the whole table against its readers and writers; attaching does not.
  await tx.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)${settings}`);
  await tx.query(
    `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from} 00:00:00+00') TO ('${to} 00:00:00+00')`,
  );
}

/** Drops a partition with all its rows; throws when it is being read for long. */
export async function dropPartition(database: Database, name: string): Promise<void> {
  await database.transaction(async (tx) => {
    // A long read holds the drop up, and the waiting drop holds up everybody after it: rather try again later.
    await tx.query(`SET LOCAL lock_timeout = '3s'`);
    await tx.query(`DROP TABLE IF EXISTS ${name}`);
  });
}

/** The partitions of these tables that there are, by name. */
export function readPartitions<T extends string>(
  on: Pick<EntityManager, 'query'>,
  tables: readonly T[],
): Promise<{ table: T; name: string }[]> {
  return on.query(
    `SELECT parent.relname AS table, child.relname AS name
     FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
     WHERE inhparent = ANY ($1::regclass[]) ORDER BY child.relname`,
    [tables],
  );
}
