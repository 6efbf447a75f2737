import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A record of `dits.dead-letters`: one that nobody could read, or a delivery that failed. */
@Entity('dead_letters')
export class DeadLetterRow {
  /** Of its time and place on the topic. */
  @PrimaryColumn('uuid') id: string;
  @PrimaryColumn('timestamptz', { name: 'dead_lettered_at' }) deadLetteredAt: Date;
  /** Who gave up: `router`. */
  @Column('text') stage: string;
  @Column('text') reason: string;
  @Column('text') error: string;
  /** Where it was read; null when it does not say. */
  @Column('text', { nullable: true }) topic: string | null;
  @Column('integer', { nullable: true }) partition: number | null;
  @Column('bigint', { name: 'record_offset', nullable: true }) offset: number | null;
  @Column('bytea', { nullable: true }) key: Buffer | null;
  /** Null is a tombstone. */
  @Column('bytea', { nullable: true }) value: Buffer | null;
  /** The original's, in base64. */
  @Column('jsonb') headers: Record<string, string>;
  /** When it was last put back; null: never. */
  @Column('timestamptz', { name: 'replayed_at', nullable: true }) replayedAt: Date | null;
  @Column({ type: 'integer', insert: false }) replays: number;
}
