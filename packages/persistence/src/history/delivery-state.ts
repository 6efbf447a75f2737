import { hash } from 'node:crypto';
import type { Attempted, Outcome, Trigger } from '@dits/contracts';
import type { LogEntry } from './log-entry.js';
import { storableTime } from './storable.js';

/** Where a delivery stands; design section 6. */
export type DeliveryStatus = 'pending' | 'delivered' | 'retrying' | 'failed' | 'cancelled';

/**
 * What log entries say about one delivery: one entry, or several merged.
 *
 * ```
 * pending ──► delivered | retrying | failed | cancelled        retrying ──► the same four
 * delivered | failed | cancelled ──► pending                    (a redelivery)
 * ```
 *
 * Entries arrive in any order and more than once, so nothing here follows arrows. Each entry has a version that says where
 * it stands in the delivery's life, and the highest one seen makes the state. In order of weight, a version is:
 *
 * 1. the time of the redelivery or replay that the entry belongs to, none being lowest: the newest replaces all before it, also
 *    an attempt of theirs that ends later;
 * 2. the attempt that the entry is about, made or waited for;
 * 3. the stage of that attempt: asked for (`routed`); put off or ended without it (`deferred`, `cancelled`); made
 *    (`attempted`, `dead-lettered`);
 * 4. the time of the entry, since a stage may be passed more than once: put off again, or made twice because a dispatcher died
 *    between its POST and its log entry;
 * 5. the kind, then a hash of the entry: two different entries never weigh the same.
 *
 * What only some entries know (the last attempt's result, the trigger) keeps a version of its own.
 */
export interface DeliveryChange {
  deliveryId: string;
  acceptedAtMs: number;
  eventId: string;
  webhookId: string;
  event: string;
  repositoryId: number | null;
  deferrals: number;
  /** Highest attempt made; 0 before the first. */
  attempts: number;
  /** Of the newest redelivery or replay, ms since 1970; null: none. */
  redeliveredAtMs: number | null;
  state: DeliveryState & { version: Version };
  lastAttempt: LastAttempt & { version: Version };
  trigger: { trigger: Trigger | null; version: Version };
}

interface DeliveryState {
  status: DeliveryStatus;
  nextAttemptAt: string | null;
  failureReason: string | null;
  completedAt: string | null;
  updatedAt: string;
}

interface LastAttempt {
  statusCode: number | null;
  errorClass: string | null;
  outcome: Outcome | null;
}

/** Hex digits; the greater text is the later state. Empty: not known yet, lower than all. */
type Version = string;

const NO_ATTEMPT = { statusCode: null, errorClass: null, outcome: null, version: '' };
const NO_TRIGGER = { trigger: null, version: '' };

/** What one log entry says about its deliveries: `routed` speaks of many or none, the others of one. */
export function deliveryChanges(entry: LogEntry): DeliveryChange[] {
  switch (entry.name) {
    case 'routed': {
      const { record } = entry;
      const byItself = record.trigger === 'event' || record.trigger === 'ping';
      const redelivered_at_ms = byItself ? null : record.routed_at_ms;
      const version = versionOf(entry, {
        redeliveredAtMs: redelivered_at_ms,
        attempt: 1,
        stage: STAGE.asked,
        atMs: record.routed_at_ms,
        content: [record.trigger, record.event_id],
      });
      const state = { ...open('pending', null, record.routed_at_ms), version };
      const trigger = { trigger: record.trigger, version };
      return record.deliveries.map(({ delivery_id, webhook_id }) => ({
        ...identity({ ...record, delivery_id, webhook_id, redelivered_at_ms }),
        repositoryId: record.repository_id ?? null,
        deferrals: 0,
        attempts: 0,
        state,
        lastAttempt: NO_ATTEMPT,
        trigger,
      }));
    }
    case 'attempted': {
      const { record } = entry;
      const endedAtMs = record.started_at_ms + Math.ceil(record.duration_ms);
      const lastAttempt = {
        statusCode: record.status_code ?? null,
        errorClass: record.error_class ?? null,
        outcome: record.outcome,
      };
      const state = stateAfter(record, endedAtMs);
      const content = [lastAttempt, state, record.trigger];
      const version = versionOf(entry, { ...placeOf(record), stage: STAGE.made, atMs: endedAtMs, content });
      return [
        {
          ...identity(record),
          repositoryId: null,
          deferrals: 0,
          attempts: record.attempt,
          state: { ...state, version },
          lastAttempt: { ...lastAttempt, version },
          trigger: { trigger: record.trigger, version },
        },
      ];
    }
    case 'deferred': {
      const { record } = entry;
      const state = open(
        record.attempt === 1 ? 'pending' : 'retrying',
        record.not_before_ms,
        record.deferred_at_ms,
      );
      const version = versionOf(entry, {
        ...placeOf(record),
        stage: STAGE.waiting,
        atMs: record.deferred_at_ms,
        content: [state],
      });
      return [stateOnly(record, { ...state, version }, record.deferrals)];
    }
    case 'cancelled': {
      const { record } = entry;
      const state = ended('cancelled', record.reason, record.cancelled_at_ms);
      const version = versionOf(entry, {
        ...placeOf(record),
        stage: STAGE.waiting,
        atMs: record.cancelled_at_ms,
        content: [state],
      });
      return [stateOnly(record, { ...state, version }, 0)];
    }
    case 'dead-lettered': {
      const { record } = entry;
      const state = ended('failed', record.reason, record.dead_lettered_at_ms);
      const version = versionOf(entry, {
        ...placeOf(record),
        stage: STAGE.made,
        atMs: record.dead_lettered_at_ms,
        content: [state],
      });
      return [stateOnly(record, { ...state, version }, 0)];
    }
    default:
      throw new Error(`no delivery state for ${(entry satisfies never as LogEntry).name}`);
  }
}

/** Both changes as one. The order of the two, and of any number of merges, makes no difference. */
export function mergeChanges(a: DeliveryChange, b: DeliveryChange): DeliveryChange {
  return {
    ...a,
    repositoryId: a.repositoryId ?? b.repositoryId,
    deferrals: Math.max(a.deferrals, b.deferrals),
    attempts: Math.max(a.attempts, b.attempts),
    redeliveredAtMs: latest(a.redeliveredAtMs, b.redeliveredAtMs),
    state: later(a.state, b.state),
    lastAttempt: later(a.lastAttempt, b.lastAttempt),
    trigger: later(a.trigger, b.trigger),
  };
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function later<T extends { version: Version }>(a: T, b: T): T {
  return a.version >= b.version ? a : b;
}

function stateAfter(record: Attempted, endedAtMs: number): DeliveryState {
  switch (record.next_step) {
    case 'done':
      return ended('delivered', null, endedAtMs);
    case 'failed':
      return ended('failed', record.failure_reason ?? null, endedAtMs);
    case 'immediate_retry':
    case 'retry':
      return open('retrying', record.next_attempt_at_ms ?? endedAtMs, endedAtMs);
    default:
      throw new Error(`no delivery state after ${record.next_step satisfies never as string}`);
  }
}

function open(status: DeliveryStatus, nextAttemptAtMs: number | null, updatedAtMs: number): DeliveryState {
  return {
    status,
    nextAttemptAt: storableTime(nextAttemptAtMs),
    failureReason: null,
    completedAt: null,
    updatedAt: storableTime(updatedAtMs),
  };
}

function ended(status: DeliveryStatus, failureReason: string | null, atMs: number): DeliveryState {
  const at = storableTime(atMs);
  return { status, nextAttemptAt: null, failureReason, completedAt: at, updatedAt: at };
}

interface DeliveryIdentity {
  delivery_id: string;
  accepted_at_ms: number;
  event_id: string;
  webhook_id: string;
  event: string;
  redelivered_at_ms?: number | null;
}

function identity(record: DeliveryIdentity) {
  return {
    deliveryId: record.delivery_id.toLowerCase(),
    acceptedAtMs: record.accepted_at_ms,
    eventId: record.event_id,
    webhookId: record.webhook_id,
    event: record.event,
    redeliveredAtMs: record.redelivered_at_ms ?? null,
  };
}

function placeOf(record: { attempt: number; redelivered_at_ms?: number | null }) {
  return { redeliveredAtMs: record.redelivered_at_ms ?? null, attempt: record.attempt };
}

function stateOnly(
  record: DeliveryIdentity,
  state: DeliveryChange['state'],
  deferrals: number,
): DeliveryChange {
  return {
    ...identity(record),
    repositoryId: null,
    deferrals,
    attempts: 0,
    state,
    lastAttempt: NO_ATTEMPT,
    trigger: NO_TRIGGER,
  };
}

// Stored versions compare by these numbers: a new kind goes to the end of its stage's.
const STAGE = { asked: 0, waiting: 1, made: 2 };
const KINDS = ['routed', 'deferred', 'cancelled', 'attempted', 'dead-lettered'] as const;

// Before the rest of a version, so that one with a redelivery outweighs those without: they begin with the attempt, whose first
// byte is 0.
const OF_REDELIVERY = 0xff;

function versionOf(
  entry: LogEntry,
  o: { redeliveredAtMs: number | null; attempt: number; stage: number; atMs: number; content: unknown[] },
): Version {
  const weights = Buffer.alloc(12);
  // Out of range throws: a negative attempt or time is no entry of ours.
  weights.writeUInt32BE(o.attempt, 0);
  weights.writeUInt8(o.stage, 4);
  weights.writeUIntBE(o.atMs, 5, 6);
  weights.writeUInt8(KINDS.indexOf(entry.name), 11);
  const version = weights.toString('hex') + hash('sha256', JSON.stringify(o.content), 'hex').slice(0, 16);
  if (o.redeliveredAtMs === null) return version;
  const redelivery = Buffer.alloc(7, OF_REDELIVERY);
  redelivery.writeUIntBE(o.redeliveredAtMs, 1, 6);
  return redelivery.toString('hex') + version;
}
