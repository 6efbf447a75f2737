import { afterEach, describe, expect, it } from '@jest/globals';
import { StorageFault } from '@dits/contracts';
import type { Job, JobProgress } from '@dits/persistence';
import { until } from '../testing.js';
import { JobRunner, type JobRunnerDeps, type StepResult } from './job-runner.js';

const progress = (redelivered: number): StepResult => ({
  kind: 'progress',
  progress: { redelivered, expired: 0, cursor: 'c' },
});

describe('JobRunner', () => {
  const runners: JobRunner[] = [];
  afterEach(async () => {
    for (const runner of runners.splice(0)) await runner.stop();
  });

  /** A runner over one job; what it wrote down. */
  function aRunner(
    results: (StepResult | Error)[],
    o: { rate?: number; deps?: Partial<JobRunnerDeps> } = {},
  ) {
    const seen = {
      locks: 0,
      limits: [] as number[],
      advanced: [] as JobProgress[],
      ended: [] as object[],
      released: [] as string[],
      flushes: 0,
      warned: [] as string[],
    };
    let isClaimable = true;
    const job = { id: 'j', kind: 'redelivery', webhookId: 'w', ratePerSecond: o.rate ?? 1_000 } as Job;
    let isOurs = true;
    const runner = new JobRunner({
      jobs: {
        claim: async () => {
          const id = isClaimable ? 'j' : null;
          isClaimable = false;
          return id;
        },
        lock: async () => {
          seen.locks++;
          return isOurs ? job : null;
        },
        advance: async (_tx, _id, made) => void seen.advanced.push(made),
        finish: async (_tx, _id, end) => void seen.ended.push(end),
        release: async (leaseId) => void seen.released.push(leaseId),
      },
      steps: {
        redelivery: async (_tx, _job, limit) => {
          seen.limits.push(limit);
          const result = results.shift() ?? { kind: 'done' };
          if (result instanceof Error) throw result;
          return result;
        },
        replay: async () => ({ kind: 'done' }),
      },
      inTransaction: async (_what, work) => work({} as never),
      flushed: async () => {
        seen.flushes++;
        return true;
      },
      log: { info() {}, warn: (_: unknown, message?: string) => void seen.warned.push(message!) } as never,
      now: () => performance.now(),
      ...o.deps,
    });
    runners.push(runner);
    runner.start();
    const again = (): void => {
      isClaimable = true;
      runner.kick();
    };
    return { runner, seen, again, lose: () => void (isOurs = false) };
  }

  it('does step after step, each on its topics before the next, until nothing is left', async () => {
    const { seen } = aRunner([progress(50), progress(3)]);
    await until(() => seen.ended.length > 0);
    expect(seen.advanced.map(({ redelivered }) => redelivered)).toEqual([50, 3]);
    expect(seen.flushes).toBe(2);
    expect(seen.ended).toEqual([{ state: 'done' }]);
  });

  it.each([
    [1, 1],
    [10, 3],
    [1_000, 50],
  ])('at %i a second takes steps of %i', async (rate, limit) => {
    const { seen } = aRunner([], { rate });
    await until(() => seen.ended.length > 0);
    expect(seen.limits).toEqual([limit]);
  });

  it('takes the time that its deliveries have at its rate', async () => {
    const startedAt = performance.now();
    const { seen } = aRunner([progress(2), progress(2)], { rate: 10 });
    await until(() => seen.ended.length > 0);
    expect(performance.now() - startedAt).toBeGreaterThan(390);
  });

  it('leaves a job alone that another has taken over or that was cancelled', async () => {
    const { seen, lose } = aRunner([progress(1)], { rate: 5 });
    await until(() => seen.advanced.length > 0);
    lose();
    await until(() => seen.locks === 2);
    expect(seen.ended).toEqual([]);
    expect(seen.limits).toHaveLength(1);
  });

  it('notes why a job can not go on', async () => {
    const { seen } = aRunner([{ kind: 'cancelled', note: 'webhook_deleted' }]);
    await until(() => seen.ended.length > 0);
    expect(seen.ended).toEqual([{ state: 'cancelled', note: 'webhook_deleted' }]);
  });

  it('gives up after a fault, and does the step anew when the job is claimed again', async () => {
    const { seen, again } = aRunner([new StorageFault('no database'), progress(1)]);
    await until(() => seen.warned.includes('job.step_failed'));
    expect(seen.advanced).toEqual([]);
    again();
    await until(() => seen.ended.length > 0);
    expect(seen.advanced).toHaveLength(1);
  });

  it('goes on no further while Kafka takes nothing, and gives its jobs back at the stop', async () => {
    let asked = 0;
    const flushed = async (): Promise<boolean> => {
      asked++;
      await new Promise((resolve) => setImmediate(resolve));
      return false;
    };
    const { seen, runner } = aRunner([progress(1), progress(1)], { deps: { flushed } });
    await until(() => asked > 3);
    await runner.stop();
    expect(seen.advanced).toHaveLength(1);
    expect(seen.released).toHaveLength(1);
  });
});
