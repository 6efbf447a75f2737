import type { Database } from '../database.js';
import {
  createPartition,
  dropPartition,
  lockPartitions,
  readPartitions,
} from '../history/partition-statements.js';
import type { PartitionChanges } from '../history/partitions.js';
import { storing } from '../storing.js';

const DAY_MS = 86_400_000;
const TABLE = 'audit_entries';
// This month and two more: whoever makes them may be away for weeks, and nothing can be changed without an entry.
const MONTHS = 3;

/**
 * Makes and drops the partitions of the audit trail, one for each UTC month: `audit_entries_202611`. By the day, as the history
 * has them, a year would be more than 365, all of which a look for one webhook's entries has to open and lock.
 *
 * Safe beside any number of others doing the same. Throws `StorageFault` when the database fails.
 */
export class AuditPartitions {
  constructor(private readonly o: { database: Database; now(): number }) {}

  /** Makes the partitions of this month and the next two; returns those that were missing. */
  async makeAhead(): Promise<string[]> {
    const now = new Date(this.o.now());
    const wanted = Array.from({ length: MONTHS }, (_, i) => monthOf(now, i));
    return storing('making partitions of the audit trail', () =>
      this.o.database.transaction(async (tx) => {
        const known = async () => new Set((await readPartitions(tx, [TABLE])).map(({ name }) => name));
        // Nearly always all are there, and nobody need wait for anybody.
        let there = await known();
        if (wanted.every((month) => there.has(nameOf(month)))) return [];
        await lockPartitions(tx);
        there = await known();
        const missing = wanted.filter((month) => !there.has(nameOf(month)));
        for (const month of missing) {
          const [from, to] = [month, monthOf(month, 1)].map((date) => date.toISOString().slice(0, 10));
          await createPartition(tx, { table: TABLE, name: nameOf(month), from: from!, to: to! });
        }
        return missing.map(nameOf);
      }),
    );
  }

  /** Makes partitions ahead, and drops months that have ended more than so many days ago. */
  async maintain({ keepDays }: { keepDays: number }): Promise<PartitionChanges> {
    const created = await this.makeAhead();
    const oldest = new Date(this.o.now() - keepDays * DAY_MS);
    return storing('dropping partitions of the audit trail', async () => {
      const dropped: string[] = [];
      for (const { name } of await readPartitions(this.o.database, [TABLE])) {
        if (name >= nameOf(monthOf(oldest, 0))) continue;
        await dropPartition(this.o.database, name);
        dropped.push(name);
      }
      return { created, dropped };
    });
  }
}

/** Midnight UTC of the first of the month, so many months on. */
function monthOf(date: Date, further: number): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + further, 1));
}

function nameOf(month: Date): string {
  return `${TABLE}_${month.toISOString().slice(0, 7).replace('-', '')}`;
}
