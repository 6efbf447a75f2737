import type { NextStep, Outcome, Trigger } from '@dits/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeliveryStatus } from './delivery-state.js';

// Partition keys are part of every primary key; a row is always looked up with its day, so that one partition is read.
// Types are given by hand: those of unions and of `| null` are lost in decorator metadata.

/**
 * One accepted record of `dits.events`, and what the router made of it.
 *
 * A producer that sends an `event_id` a second time makes a second row, with another `acceptedAt`, which is never
 * routed: for "the events" of a repository take those with `routedAt`.
 */
@Entity('events')
export class EventRow {
  @PrimaryColumn('uuid', { name: 'event_id' }) eventId: string;
  @PrimaryColumn('timestamptz', { name: 'accepted_at' }) acceptedAt: Date;
  @Column('text') event: string;
  /** Null for a ping of an owner's webhook. */
  @Column('bigint', { name: 'repository_id', nullable: true }) repositoryId: number | null;
  @Column('text', { name: 'repository_full_name', nullable: true }) repositoryFullName: string | null;
  /** Lower case. */
  @Column('text', { name: 'owner_login', nullable: true }) ownerLogin: string | null;
  @Column('text', { nullable: true }) ref: string | null;
  /** When it was first matched; null while it waits for the router. */
  @Column('timestamptz', { name: 'routed_at', nullable: true }) routedAt: Date | null;
  /** Matches when it was first routed. */
  @Column('integer', { name: 'delivery_count', nullable: true }) deliveryCount: number | null;
  /** What asked for the first routing. */
  @Column('text', { nullable: true }) trigger: Trigger | null;
}

/** The body that every delivery of an event carries. Kept for a shorter time than the rest. */
@Entity('event_bodies')
export class EventBodyRow {
  @PrimaryColumn('uuid', { name: 'event_id' }) eventId: string;
  @PrimaryColumn('timestamptz', { name: 'accepted_at' }) acceptedAt: Date;
  @Column('bytea') body: Buffer;
}

/** One event for one webhook, as it stands; `delivery-state.ts` says how it comes about. */
@Entity('deliveries')
export class DeliveryRow {
  @PrimaryColumn('uuid', { name: 'delivery_id' }) deliveryId: string;
  /** When the event was accepted; also in the id. */
  @PrimaryColumn('timestamptz', { name: 'accepted_at' }) acceptedAt: Date;
  @Column('uuid', { name: 'event_id' }) eventId: string;
  @Column('uuid', { name: 'webhook_id' }) webhookId: string;
  @Column('text') event: string;
  /** Null for a ping of an owner's webhook, and until the `routed` entry was read. */
  @Column('bigint', { name: 'repository_id', nullable: true }) repositoryId: number | null;
  @Column('text') status: DeliveryStatus;
  /** Highest attempt made; 0 before the first. */
  @Column('integer', { name: 'attempts' }) attemptCount: number;
  /** Of the last attempt; null before the first, and when no answer came. */
  @Column('integer', { name: 'last_status_code', nullable: true }) lastStatusCode: number | null;
  /** Of the last attempt; null when an answer came. */
  @Column('text', { name: 'last_error_class', nullable: true }) lastErrorClass: string | null;
  @Column('text', { name: 'last_outcome', nullable: true }) lastOutcome: Outcome | null;
  /** Hundreds of the last answer's status, 0 when no answer came; null before the first attempt. */
  @Column({ type: 'smallint', name: 'response_class', nullable: true, insert: false, update: false })
  responseClass: number | null;
  /** When the next attempt is due; null when none waits for a time. */
  @Column('timestamptz', { name: 'next_attempt_at', nullable: true }) nextAttemptAt: Date | null;
  /** Set when failed or cancelled. */
  @Column('text', { name: 'failure_reason', nullable: true }) failureReason: string | null;
  /** What asked for the last attempt, or for the one that is pending. */
  @Column('text', { nullable: true }) trigger: Trigger | null;
  /** Times it was put off without an attempt. */
  @Column('integer') deferrals: number;
  /** When the newest redelivery or replay was asked for; null: none. */
  @Column('timestamptz', { name: 'redelivered_at', nullable: true }) redeliveredAt: Date | null;
  /** When it reached its final state; null in any other. */
  @Column('timestamptz', { name: 'completed_at', nullable: true }) completedAt: Date | null;
  /** Time of the log entry that made the status. */
  @Column('timestamptz', { name: 'updated_at' }) updatedAt: Date;
}

/**
 * One POST. When a dispatcher dies between a POST and its log entry the attempt is made again under the same number,
 * hence `startedAt` in the key: both are kept.
 */
@Entity('attempts')
export class AttemptRow {
  @PrimaryColumn('uuid', { name: 'delivery_id' }) deliveryId: string;
  @PrimaryColumn('timestamptz', { name: 'accepted_at' }) acceptedAt: Date;
  /** From 1. */
  @PrimaryColumn('integer') attempt: number;
  @PrimaryColumn('timestamptz', { name: 'started_at' }) startedAt: Date;
  /** Place in the retry schedule, from 1. */
  @Column('integer', { name: 'schedule_attempt' }) scheduleAttempt: number;
  @Column('text') trigger: Trigger;
  @Column('double precision', { name: 'duration_ms' }) durationMs: number;
  @Column('text') outcome: Outcome;
  /** Null when no answer came. */
  @Column('integer', { name: 'status_code', nullable: true }) statusCode: number | null;
  /** `dns`, `refused`, `reset`, `tls`, `timeout`, …; null when an answer came. */
  @Column('text', { name: 'error_class', nullable: true }) errorClass: string | null;
  @Column('text', { name: 'error_phase', nullable: true }) errorPhase: string | null;
  @Column('text', { name: 'error_message', nullable: true }) errorMessage: string | null;
  /** Duration of each phase that took place. */
  @Column('jsonb', { name: 'phases_ms' }) phasesMs: Record<string, number>;
  /** Address and port that was dialled. */
  @Column('text', { name: 'remote_address', nullable: true }) remoteAddress: string | null;
  @Column('text') url: string;
  @Column('jsonb', { name: 'request_headers' }) requestHeaders: Record<string, string>;
  @Column('jsonb', { name: 'response_headers' }) responseHeaders: Record<string, string>;
  /** First 16 KiB; null when no answer came. */
  @Column('bytea', { name: 'response_body', nullable: true }) responseBody: Buffer | null;
  /** True when more came than was kept. */
  @Column('boolean', { name: 'response_truncated' }) responseTruncated: boolean;
  @Column('text', { name: 'next_step' }) nextStep: NextStep;
  @Column('timestamptz', { name: 'next_attempt_at', nullable: true }) nextAttemptAt: Date | null;
  @Column('text', { name: 'failure_reason', nullable: true }) failureReason: string | null;
}
