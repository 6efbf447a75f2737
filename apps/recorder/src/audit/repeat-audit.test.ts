import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { repeatAudit } from './repeat-audit.js';

describe('repeatAudit', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('audits after each interval, counts what did not run or failed, and ends at the stop', async () => {
    const results = [() => true, () => false, () => Promise.reject(new Error('away')), () => true];
    const told: string[] = [];
    let runs = 0;
    const repeated = repeatAudit({
      audit: async () => results[runs++]!(),
      metrics: { ran: (result) => void told.push(result) },
      log: { warn: (_: unknown, message?: string) => void told.push(String(message)) },
      everyMs: 1000,
    });
    expect(runs).toBe(0);
    await jest.advanceTimersByTimeAsync(3000);
    expect(runs).toBe(3);
    expect(told).toEqual(['skipped', 'failed', 'audit.failed']);
    await jest.advanceTimersByTimeAsync(1000);
    await repeated.stop();
    await jest.advanceTimersByTimeAsync(5000);
    expect(runs).toBe(4);
  });

  it('waits at the stop for an audit under way', async () => {
    const running = Promise.withResolvers<boolean>();
    const repeated = repeatAudit({
      audit: () => running.promise,
      metrics: { ran: () => undefined },
      log: { warn: () => undefined },
      everyMs: 1000,
    });
    await jest.advanceTimersByTimeAsync(1000);
    let stopped = false;
    const stop = repeated.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(1000);
    expect(stopped).toBe(false);
    running.resolve(true);
    await stop;
  });
});
