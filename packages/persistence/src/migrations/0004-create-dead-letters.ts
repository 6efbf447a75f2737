import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Dead letters, partitioned by the UTC day on which they were put aside. */
export class CreateDeadLetters1764028800004 implements MigrationInterface {
  readonly name = 'CreateDeadLetters1764028800004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE dead_letters (
        id uuid NOT NULL,
        dead_lettered_at timestamptz NOT NULL,
        stage text NOT NULL,
        reason text NOT NULL,
        error text NOT NULL,
        topic text,
        partition int,
        record_offset bigint,
        key bytea,
        value bytea,
        headers jsonb NOT NULL,
        replayed_at timestamptz,
        replays int NOT NULL DEFAULT 0,
        PRIMARY KEY (id, dead_lettered_at)
      ) PARTITION BY RANGE (dead_lettered_at)`);
    for (const filter of ['', 'stage', 'reason', 'topic']) {
      const name = `dead_letters_by_${filter === '' ? 'time' : filter}`;
      const columns = [filter, 'dead_lettered_at DESC', 'id DESC'].filter((c) => c !== '');
      await runner.query(`CREATE INDEX ${name} ON dead_letters (${columns.join(', ')})`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE dead_letters');
  }
}
