import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobKind, JobProgress, JobStore, Transaction } from '@dits/persistence';
import type { Logger } from '@dits/runtime';

/** What came of a step: how far it got, or that there is nothing (more) to do. */
export type StepResult =
  | { kind: 'progress'; progress: JobProgress }
  | { kind: 'done' }
  | { kind: 'cancelled'; note: 'webhook_deleted' | 'webhook_inactive' };

/** Does the next part of a job, at most `limit` deliveries, as part of the transaction. */
export type JobStep = (tx: Transaction, job: Job, limit: number) => Promise<StepResult>;

/** What the runner needs. */
export interface JobRunnerDeps {
  jobs: Pick<JobStore, 'claim' | 'lock' | 'advance' | 'finish' | 'release'>;
  steps: Record<JobKind, JobStep>;
  inTransaction<T>(what: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** True when everything committed until now is on its topic; false when that takes too long. */
  flushed: () => Promise<boolean>;
  log: Pick<Logger, 'info' | 'warn'>;
  now: () => number;
}

const POLL_MS = 1_000;
// A few times what a step takes. Whoever dies leaves its jobs alone for as long.
const LEASE_MS = 10_000;
// 50 bodies of 100 kB are 5 MB of one transaction.
const STEP_DELIVERIES = 50;
const STEPS_PER_SECOND = 4;
// Each is idle most of the time; they share the pool of connections with the requests.
const MAX_JOBS = 20;

/**
 * Runs jobs, those of processes that died among them.
 *
 *     idle --1 s, or kick()--> claim --job--> run: step, wait until it is on the topics and its share of the time is over, step …
 *     run --done, cancelled, held by another--> idle      run --fault--> idle; the job is claimed anew when its lease is over
 *     any --stop()--> stopped: steps in progress end, jobs are given back
 */
export class JobRunner {
  private readonly leaseId = randomUUID();
  private readonly abort = new AbortController();
  private readonly running = new Map<string, Promise<void>>();
  private wake: () => void = () => undefined;
  private claiming: Promise<void> = Promise.resolve();

  constructor(private readonly deps: JobRunnerDeps) {}

  /** Begins looking for jobs. */
  start(): void {
    this.claiming = this.claimForever();
  }

  /** Looks for a job now rather than at the next poll. */
  kick(): void {
    this.wake();
  }

  /** Ends after the steps in progress. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.wake();
    await this.claiming;
    await Promise.all(this.running.values());
    await this.deps.jobs.release(this.leaseId).catch((err: unknown) => {
      this.deps.log.warn({ err }, 'job.not_given_back');
    });
  }

  private async claimForever(): Promise<void> {
    while (!this.abort.signal.aborted) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      try {
        await this.claimAll();
      } catch (err) {
        this.deps.log.warn({ err }, 'job.not_claimed');
      }
      const timer = setTimeout(resolve, POLL_MS);
      if (!this.abort.signal.aborted) await woken;
      clearTimeout(timer);
    }
  }

  private async claimAll(): Promise<void> {
    while (this.running.size < MAX_JOBS && !this.abort.signal.aborted) {
      const id = await this.deps.jobs.claim(this.leaseId, LEASE_MS);
      if (id === null) return;
      // A step of our own that outlasted its lease: it goes on by itself.
      if (this.running.has(id)) return;
      this.running.set(
        id,
        this.run(id).finally(() => {
          this.running.delete(id);
          this.wake();
        }),
      );
    }
  }

  private async run(id: string): Promise<void> {
    const { log } = this.deps;
    try {
      while (!this.abort.signal.aborted) {
        const pauseMs = await this.step(id);
        if (pauseMs === null) return;
        // What is not on its topic yet need not grow.
        while (!this.abort.signal.aborted && !(await this.deps.flushed()));
        await this.pause(pauseMs);
      }
    } catch (err) {
      log.warn({ err, job_id: id }, 'job.step_failed');
    }
  }

  /** One step; how long its deliveries take at the job's rate, or null when the job is not ours any more. */
  private async step(id: string): Promise<number | null> {
    const { jobs, steps, log, now } = this.deps;
    const startedAtMs = now();
    return this.deps.inTransaction('doing a step of a job', async (tx) => {
      const job = await jobs.lock(tx, id, this.leaseId);
      if (!job) return null;
      const limit = Math.min(STEP_DELIVERIES, Math.ceil(job.ratePerSecond / STEPS_PER_SECOND));
      const result = await steps[job.kind](tx, job, limit);
      if (result.kind === 'progress') {
        const { progress } = result;
        await jobs.advance(tx, id, progress, LEASE_MS);
        return Math.max(0, (progress.redelivered / job.ratePerSecond) * 1_000 - (now() - startedAtMs));
      }
      await jobs.finish(
        tx,
        id,
        result.kind === 'done' ? { state: 'done' } : { state: 'cancelled', note: result.note },
      );
      const { kind, webhookId, redelivered, expired } = job;
      log.info(
        { job_id: id, kind, webhook_id: webhookId, end: result.kind, redelivered, expired },
        'job.ended',
      );
      return null;
    });
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.abort.signal }).catch(() => undefined);
  }
}
