import type { Database } from './database.js';
import { Job, type JobKind } from './entities/job.js';
import { storing, type Transaction } from './storing.js';

/** What a step of a job did. */
export interface JobProgress {
  redelivered: number;
  expired: number;
  /** The last one that is done with. */
  cursor: string | null;
}

/**
 * Jobs, and who is at work on them.
 *
 *     running --claim()--> leased --advance()--> leased … --finish()--> done
 *        '------------ lease over, or given back ------'
 *     running --cancel()--> cancelled, at once; whoever holds the lease finds out at its next step
 *
 * A lease is only for not doing the same step twice in vain: each step is one transaction that locks the job and moves its
 * cursor, so two that believe to hold the lease can't both do it. Leases go by the database's clock.
 */
export class JobStore {
  constructor(private readonly database: Database) {}

  /** Adds a job. */
  async insert(tx: Transaction, job: Job): Promise<void> {
    await storing('storing the job', () => tx.getRepository(Job).insert(job as never));
  }

  /** A job of a webhook. */
  find(o: { webhookId: string; kind: JobKind; id: string }): Promise<Job | null> {
    return storing('reading the job', () => this.database.getRepository(Job).findOneBy(o));
  }

  /** Jobs of a webhook, newest first, from before the id `after`. */
  list(
    o: { webhookId: string; kind: JobKind },
    page: { after: string | null; limit: number },
  ): Promise<Job[]> {
    const query = this.database
      .getRepository(Job)
      .createQueryBuilder('job')
      .where('job.webhookId = :webhookId AND job.kind = :kind', o);
    if (page.after) query.andWhere('job.id < :after', { after: page.after });
    return storing('reading the jobs', () => query.orderBy('job.id', 'DESC').limit(page.limit).getMany());
  }

  /** Ends a running job; false when it was not running. */
  cancel(tx: Transaction, o: { webhookId: string; kind: JobKind; id: string }): Promise<boolean> {
    return storing('cancelling the job', async () => {
      const [, count] = await tx.query<[unknown, number]>(
        `UPDATE jobs SET state = 'cancelled', finished_at = now(), updated_at = now()
         WHERE webhook_id = $1 AND kind = $2 AND id = $3 AND state = 'running'`,
        [o.webhookId, o.kind, o.id],
      );
      return count === 1;
    });
  }

  /** Takes the oldest running job that nobody holds, for `leaseMs`; its id, or null when there is none. */
  claim(leaseId: string, leaseMs: number): Promise<string | null> {
    return storing('claiming a job', async () => {
      const [rows] = await this.database.query<[{ id: string }[], number]>(
        `UPDATE jobs SET lease_id = $1, lease_until = now() + $2 * interval '1 ms'
         WHERE id = (SELECT id FROM jobs WHERE state = 'running' AND (lease_until IS NULL OR lease_until < now())
                     ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id`,
        [leaseId, leaseMs],
      );
      return rows[0]?.id ?? null;
    });
  }

  /** The job, locked until the transaction ends; null when it has ended, or another holds it. */
  lock(tx: Transaction, id: string, leaseId: string): Promise<Job | null> {
    return storing('locking the job', () =>
      tx
        .getRepository(Job)
        .createQueryBuilder('job')
        .where(`job.id = :id AND job.leaseId = :leaseId AND job.state = 'running'`, { id, leaseId })
        .setLock('pessimistic_write')
        .getOne(),
    );
  }

  /** Notes what a step did, and holds the job for `leaseMs` more. */
  async advance(tx: Transaction, id: string, progress: JobProgress, leaseMs: number): Promise<void> {
    const { redelivered, expired, cursor } = progress;
    await storing('advancing the job', () =>
      tx.query(
        `UPDATE jobs SET redelivered = redelivered + $2, expired = expired + $3, cursor = coalesce($4, cursor),
           updated_at = now(), lease_until = now() + $5 * interval '1 ms' WHERE id = $1`,
        [id, redelivered, expired, cursor, leaseMs],
      ),
    );
  }

  /** Ends a job that {@link lock} gave. `note` says why it was cancelled. */
  async finish(
    tx: Transaction,
    id: string,
    end: { state: 'done' } | { state: 'cancelled'; note: string },
  ): Promise<void> {
    const note = end.state === 'cancelled' ? end.note : null;
    await storing('ending the job', () =>
      tx.query(
        `UPDATE jobs SET state = $2, note = $3, finished_at = now(), updated_at = now(), lease_until = NULL WHERE id = $1`,
        [id, end.state, note],
      ),
    );
  }

  /** Gives jobs back that this lease holds, so that others need not wait for its end. */
  async release(leaseId: string): Promise<void> {
    await storing('giving jobs back', () =>
      this.database.query('UPDATE jobs SET lease_until = NULL WHERE lease_id = $1 AND state = $2', [
        leaseId,
        'running',
      ]),
    );
  }
}
