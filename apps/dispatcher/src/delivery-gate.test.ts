import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { aGate } from './testing/a-gate.js';
import type { Entry } from './delivery-gate.js';

/** Asks for places and keeps what became of each. */
function aQueue(options: Parameters<typeof aGate>[0] = {}) {
  const gate = aGate(options);
  const entered: string[] = [];
  const deferred: string[] = [];
  const entries = new Map<string, Entry>();
  const enter = async (
    name: string,
    o: { webhook?: string; limit?: number; rate?: number | null; signal?: AbortSignal } = {},
  ): Promise<void> => {
    const { webhook: webhookId = 'a', limit = 16, rate = null } = o;
    const limits = () => ({ maxConcurrency: limit, ratePerSecond: rate });
    const { signal = new AbortController().signal } = o;
    const entry = await gate.enter({ webhookId, limits, isRetry: false, signal });
    entries.set(name, entry);
    (entry.kind === 'entered' ? entered : deferred).push(name);
  };
  const end = async (name: string, result: 'success' | 'failure' = 'success'): Promise<void> => {
    const entry = entries.get(name);
    if (entry?.kind === 'entered') gate.leave(entry.pass, result);
    await settled();
  };
  return { gate, entered, deferred, enter, end };
}

const settled = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('DeliveryGate', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('resolves as places become free, in the order of arrival', async () => {
    const { entered, enter, end } = aQueue();
    for (const name of ['1', '2', '3']) void enter(name, { limit: 1 });
    await settled();
    await end('1');
    await end('2');
    expect(entered).toEqual(['1', '2', '3']);
  });

  it('resolves with a deferral when the circuit of the webhook is open', async () => {
    const { gate, entered, deferred, enter, end } = aQueue({ failuresToOpen: 1 });
    await enter('1');
    await end('1', 'failure');
    await enter('2');
    expect([entered, deferred]).toEqual([['1'], ['2']]);
    expect(gate.isOpen('a')).toBe(true);
    expect(gate.circuits()).toEqual({ open: 1, half_open: 0 });
  });

  it('sends those that wait away when they are told to stop, and keeps no place for them', async () => {
    const { gate, entered, enter, end } = aQueue();
    const stop = new AbortController();
    await enter('1', { limit: 1 });
    const waiting = enter('2', { limit: 1, signal: stop.signal });
    void enter('3', { limit: 1 });
    stop.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    await end('1');
    expect(entered).toEqual(['1', '3']);
    expect(gate.waiting).toBe(0);
    await expect(enter('4', { signal: stop.signal })).rejects.toThrow('stopping');
  });

  it('lets a rate limit through by the clock', async () => {
    jest.useFakeTimers();
    const { entered, enter, end } = aQueue({ now: Date.now });
    for (const name of ['1', '2', '3']) void enter(name, { rate: 4 });
    await settled();
    expect(entered).toEqual(['1']);
    await jest.advanceTimersByTimeAsync(251);
    expect(entered).toEqual(['1', '2']);
    await end('1');
    expect(entered).toEqual(['1', '2']);
    await jest.advanceTimersByTimeAsync(251);
    expect(entered).toEqual(['1', '2', '3']);
  });

  it('defers those that wait when their receiver has begun to hang, though nobody comes or leaves', async () => {
    jest.useFakeTimers();
    const { entered, deferred, enter } = aQueue({ now: Date.now });
    for (const name of ['1', '2', '3']) void enter(name, { limit: 1 });
    await jest.advanceTimersByTimeAsync(5_000);
    expect([entered, deferred]).toEqual([['1'], ['3', '2']]);
  });
});
