import { DitsError, StorageFault } from '@dits/contracts';
import type { EntityManager } from 'typeorm';
import type { Database } from './database.js';

/** An open transaction, handed to the methods that must be part of it. */
export type Transaction = EntityManager;

/** Runs `work`; what fails in it becomes a {@link StorageFault} saying what was not done, with the cause kept. */
export async function storing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof DitsError) throw cause;
    throw new StorageFault(`${what} failed`, { cause });
  }
}

/**
 * Runs `work` in one transaction; all of it is durable when this resolves, none of it when this rejects. An error that
 * `work` throws on purpose comes out as it is when it is not the database's; the database's becomes a StorageFault.
 */
export async function inTransaction<T>(
  database: Database,
  what: string,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  let own: unknown;
  try {
    return await database.transaction(async (tx) => {
      try {
        return await work(tx);
      } catch (error) {
        own = error;
        throw error;
      }
    });
  } catch (cause) {
    if (cause === own || cause instanceof DitsError) throw cause;
    throw new StorageFault(`${what} failed`, { cause });
  }
}
