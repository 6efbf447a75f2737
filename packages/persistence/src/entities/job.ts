import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a job does: asks for a filtered set of deliveries again, or has past events matched again. */
export type JobKind = 'redelivery' | 'replay';
export type JobState = 'running' | 'done' | 'cancelled';

/** A job over many deliveries of one webhook. Whichever process holds the lease does the next step. */
@Entity('jobs')
export class Job {
  /** UUIDv7. */
  @PrimaryColumn('uuid') id: string;
  @Column('text') kind: JobKind;
  @Column('uuid', { name: 'webhook_id' }) webhookId: string;
  /** As its kind has it. */
  @Column('jsonb') filter: Record<string, unknown>;
  @Column('integer', { name: 'rate_per_second' }) ratePerSecond: number;
  @Column('text') state: JobState;
  /** What the filter matched when the job was made. */
  @Column('integer') matched: number;
  /** Asked for so far. */
  @Column('integer') redelivered: number;
  /** Left out, because the body is no longer kept. */
  @Column('integer') expired: number;
  /** The last one that is done with, as its kind has it; null before the first. */
  @Column('text', { nullable: true }) cursor: string | null;
  /** Why it was cancelled, when nobody did. */
  @Column('text', { nullable: true }) note: string | null;
  @Column('uuid', { name: 'lease_id', nullable: true }) leaseId: string | null;
  @Column('timestamptz', { name: 'lease_until', nullable: true }) leaseUntil: Date | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt: Date;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt: Date;
  @Column('timestamptz', { name: 'finished_at', nullable: true }) finishedAt: Date | null;
}
