import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from '@dits/runtime';
import { maintainHistory } from './maintain-history.js';

const HOUR_MS = 3_600_000;

describe('maintainHistory', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function maintained(maintain: () => Promise<{ created: string[]; dropped: string[] }>) {
    const written: string[] = [];
    const log = createLogger({
      name: 'test',
      level: 'info',
      destination: { write: (line) => void written.push(line) },
    });
    const maintenance = maintainHistory({ maintain, log, everyMs: HOUR_MS });
    return { maintenance, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
  }

  it('runs at once and then every hour, until it is stopped', async () => {
    let runs = 0;
    const { maintenance } = maintained(async () => {
      runs++;
      return { created: [], dropped: [] };
    });
    expect(runs).toBe(1);
    await jest.advanceTimersByTimeAsync(2 * HOUR_MS);
    expect(runs).toBe(3);
    await maintenance.stop();
    await jest.advanceTimersByTimeAsync(2 * HOUR_MS);
    expect(runs).toBe(3);
  });

  it('goes on after a run that failed', async () => {
    let runs = 0;
    const { maintenance, lines } = maintained(async () => {
      if (runs++ === 0) throw new Error('lock timeout');
      return { created: [], dropped: ['attempts_20261024'] };
    });
    await jest.advanceTimersByTimeAsync(HOUR_MS);
    await maintenance.stop();
    expect(lines()).toMatchObject([
      { msg: 'history.not_maintained', level: 'warn' },
      { msg: 'history.maintained', dropped: ['attempts_20261024'] },
    ]);
  });

  it('waits at the stop for a run under way, and starts no other', async () => {
    const running = Promise.withResolvers<{ created: string[]; dropped: string[] }>();
    let runs = 0;
    const { maintenance } = maintained(() => {
      runs++;
      return running.promise;
    });
    let stopped = false;
    const stop = maintenance.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(HOUR_MS);
    expect(stopped).toBe(false);
    running.resolve({ created: [], dropped: [] });
    await stop;
    await jest.advanceTimersByTimeAsync(HOUR_MS);
    expect(runs).toBe(1);
  });
});
