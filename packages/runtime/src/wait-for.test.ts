import { describe, expect, it } from '@jest/globals';
import { linesLog } from './testing.js';
import { waitFor } from './wait-for.js';

describe('waitFor', () => {
  it('tries until it works, and says what it waits for', async () => {
    const { log, lines } = linesLog();
    let attempts = 0;
    const result = await waitFor({
      what: 'kafka at a:1',
      attempt: async () => {
        attempts += 1;
        if (attempts < 3) throw new Error('ECONNREFUSED');
        return 'up';
      },
      limitMs: 60_000,
      log,
      signal: new AbortController().signal,
      now: () => 0,
    });
    expect(result).toBe('up');
    expect(lines().map(({ level, waiting_for, reason }) => [level, waiting_for, reason])).toEqual([
      ['warn', 'kafka at a:1', 'ECONNREFUSED'],
      ['warn', 'kafka at a:1', 'ECONNREFUSED'],
    ]);
  });

  it('gives up when the limit is over, with the last error as its cause', async () => {
    const cause = new Error('ECONNREFUSED');
    let nowMs = 0;
    const waiting = waitFor({
      what: 'the registry',
      attempt: async () => {
        nowMs += 6_000;
        throw cause;
      },
      limitMs: 5_000,
      log: linesLog().log,
      signal: new AbortController().signal,
      now: () => nowMs,
    });
    await expect(waiting).rejects.toMatchObject({
      message: 'the registry did not work within 5000 ms: ECONNREFUSED',
      cause,
    });
  });

  it('stops waiting when the process stops', async () => {
    const stop = new AbortController();
    const waiting = waitFor({
      what: 'kafka',
      attempt: async () => {
        setImmediate(() => stop.abort());
        throw new Error('down');
      },
      limitMs: 60_000,
      log: linesLog().log,
      signal: stop.signal,
      now: () => 0,
    });
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
