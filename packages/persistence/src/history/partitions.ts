import type { EntityManager } from 'typeorm';
import type { Database } from '../database.js';
import { storing } from '../storing.js';
import { createPartition, dropPartition, lockPartitions, readPartitions } from './partition-statements.js';

/** Days of history that are kept, today among them. */
export interface HistoryRetention {
  /** Of events, deliveries, attempts and dead letters. */
  historyDays: number;
  /** Of the bodies of events. */
  bodyDays: number;
}

/** What {@link HistoryPartitions.maintain} did, by the names of the partitions. */
export interface PartitionChanges {
  created: string[];
  dropped: string[];
}

const DAY_MS = 86_400_000;
// Weeks without anybody tending the service must not stop it; a batch makes what it lacks, these only spare it the wait.
const DAYS_AHEAD = 7;

const TABLES = ['events', 'event_bodies', 'deliveries', 'attempts', 'dead_letters'] as const;
type HistoryTable = (typeof TABLES)[number];

/**
 * Makes and drops the partitions of the history tables: one per table and UTC day, `deliveries_20261125`. The day is that of
 * acceptance; of a dead letter, the one on which it was put aside.
 *
 * Safe beside any number of others doing the same, and beside readers and writers. All methods throw
 * {@link StorageFault} when the database fails.
 */
export class HistoryPartitions {
  private readonly known = new Set<string>();

  constructor(private readonly o: { database: Database; retention: HistoryRetention; now(): number }) {}

  /** True when the history of that time is kept: not past the retention, and no more than 7 days ahead. */
  keepsHistory(acceptedAtMs: number): boolean {
    return this.keeps('deliveries', dayOf(acceptedAtMs));
  }

  /** True when bodies of that time are kept. */
  keepsBody(acceptedAtMs: number): boolean {
    return this.keeps('event_bodies', dayOf(acceptedAtMs));
  }

  /** Makes yesterday's to next week's partitions, and drops those past the retention. Once an hour is often enough. */
  async maintain(): Promise<PartitionChanges> {
    const nowMs = this.o.now();
    const created = await this.ensurePartitions({
      from: new Date(nowMs - DAY_MS),
      to: new Date(nowMs + DAYS_AHEAD * DAY_MS),
    });
    const dropped = await this.dropPartitionsBefore({
      history: new Date(this.oldestDay('deliveries') * DAY_MS),
      bodies: new Date(this.oldestDay('event_bodies') * DAY_MS),
    });
    return { created, dropped };
  }

  /** Makes the partitions of every day from one time to another, both included, that are kept; returns those that were missing. */
  async ensurePartitions({ from, to }: { from: Date; to: Date }): Promise<string[]> {
    const days: number[] = [];
    for (let day = dayOf(from.getTime()); day <= dayOf(to.getTime()); day++) days.push(day);
    return this.ensureDays(days);
  }

  /** Makes the partitions that rows accepted at these times need. Asks the database only about days not seen before. */
  async ensureFor(acceptedAtMs: Iterable<number>): Promise<string[]> {
    return this.ensureDays([...new Set([...acceptedAtMs].map(dayOf))]);
  }

  /** Forgets which partitions are there, so that the next use asks the database. */
  forget(): void {
    this.known.clear();
  }

  /** Drops the partitions of days before those of the given times, with all their rows; returns their names. */
  async dropPartitionsBefore({ history, bodies }: { history: Date; bodies: Date }): Promise<string[]> {
    return storing('dropping partitions', async () => {
      const dropped: string[] = [];
      for (const { table, name, day } of await this.existing(this.o.database)) {
        if (day >= dayOf((table === 'event_bodies' ? bodies : history).getTime())) continue;
        await dropPartition(this.o.database, name);
        this.known.delete(name);
        dropped.push(name);
      }
      // One row a day and webhook: not worth a partition.
      const oldest = dateOf(dayOf(history.getTime()));
      await this.o.database.query('DELETE FROM webhook_days WHERE day < $1', [oldest]);
      return dropped;
    });
  }

  /**
   * Drops the partitions of a day and of all after it, with all their rows, and makes them anew, empty; returns their names. Dead letters
   * stay: what was replayed is known from nowhere else.
   */
  async clearFrom(day: Date): Promise<string[]> {
    return storing('clearing partitions', async () => {
      const from = dayOf(day.getTime());
      const cleared = (await this.existing(this.o.database)).filter(
        ({ table, day: ofTable }) => table !== 'dead_letters' && ofTable >= from,
      );
      for (const { name } of cleared) {
        await dropPartition(this.o.database, name);
        this.known.delete(name);
      }
      await this.ensureDays([...new Set(cleared.map((partition) => partition.day))]);
      return cleared.map(({ name }) => name);
    });
  }

  private async ensureDays(days: number[]): Promise<string[]> {
    const missing = days.flatMap((day) =>
      TABLES.filter((table) => this.keeps(table, day))
        .map((table) => ({ table, day, name: partitionName(table, day) }))
        .filter(({ name }) => !this.known.has(name)),
    );
    if (missing.length === 0) return [];
    return storing('making partitions', async () => {
      const created: string[] = [];
      // One transaction for each day: locks are held for a moment only.
      for (const day of new Set(missing.map((partition) => partition.day))) {
        const ofDay = missing.filter((partition) => partition.day === day);
        created.push(...(await this.createMissing(ofDay)));
        for (const { name } of ofDay) this.known.add(name);
      }
      return created;
    });
  }

  private async createMissing(
    wanted: { table: HistoryTable; day: number; name: string }[],
  ): Promise<string[]> {
    return this.o.database.transaction(async (tx) => {
      await lockPartitions(tx);
      const there = new Set((await this.existing(tx)).map(({ name }) => name));
      const created: string[] = [];
      for (const { table, day, name } of wanted) {
        if (there.has(name)) continue;
        const isInsertOnly = table === 'event_bodies' || table === 'attempts';
        await createPartition(tx, { table, name, from: dateOf(day), to: dateOf(day + 1), isInsertOnly });
        created.push(name);
      }
      return created;
    });
  }

  private async existing(
    on: Pick<EntityManager, 'query'>,
  ): Promise<{ table: HistoryTable; name: string; day: number }[]> {
    const rows = await readPartitions(on, TABLES);
    return rows.map(({ table, name }) => {
      const [, year, month, date] = /_(\d{4})(\d{2})(\d{2})$/.exec(name) ?? [];
      return { table, name, day: dayOf(Date.UTC(Number(year), Number(month) - 1, Number(date))) };
    });
  }

  private keeps(table: HistoryTable, day: number): boolean {
    return day >= this.oldestDay(table) && day <= dayOf(this.o.now()) + DAYS_AHEAD;
  }

  private oldestDay(table: HistoryTable): number {
    const { bodyDays, historyDays } = this.o.retention;
    return (
      dayOf(this.o.now()) - (table === 'event_bodies' ? Math.min(bodyDays, historyDays) : historyDays) + 1
    );
  }
}

/** The UTC day of a time, counted from 1970. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function partitionName(table: HistoryTable, day: number): string {
  return `${table}_${dateOf(day).replaceAll('-', '')}`;
}
