import { describe, expect, it } from '@jest/globals';
import { DeliveryGate } from './delivery-gate.js';

/** Lets many in at a gate and keeps their order. */
function aQueue(options: { maxInFlight?: number } = {}) {
  const gate = new DeliveryGate({ maxInFlight: options.maxInFlight ?? 1_000 });
  const entered: string[] = [];
  const leave = new Map<string, () => void>();
  const enter = (name: string, o: { webhook: string; limit?: number | null; signal?: AbortSignal }) => {
    const entering = gate.enter({
      webhookId: o.webhook,
      limit: () => o.limit,
      signal: o.signal ?? new AbortController().signal,
    });
    const done = entering.then((free) => {
      entered.push(name);
      leave.set(name, free);
    });
    done.catch(() => {});
    return done;
  };
  /** Ends a request and waits until whoever follows is in. */
  const end = async (name: string) => {
    leave.get(name)!();
    await settled();
  };
  return { gate, entered, enter, end };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('DeliveryGate', () => {
  it('lets in as many requests per webhook as it may have, and 16 when nobody says', async () => {
    const { gate, enter } = aQueue();
    for (let i = 0; i < 20; i++) void enter(`a${i}`, { webhook: 'a' });
    for (let i = 0; i < 20; i++) void enter(`b${i}`, { webhook: 'b', limit: 3 });
    await settled();
    expect(gate.inFlight).toBe(16 + 3);
    expect(gate.waiting).toBe(4 + 17);
  });

  it('keeps the order of arrival within a webhook', async () => {
    const { entered, enter, end } = aQueue();
    for (const name of ['1', '2', '3']) void enter(name, { webhook: 'a', limit: 1 });
    await settled();
    await end('1');
    await end('2');
    expect(entered).toEqual(['1', '2', '3']);
  });

  it('does not let a webhook whose limit is reached hold up another', async () => {
    const { entered, enter } = aQueue();
    for (const name of ['slow1', 'slow2']) void enter(name, { webhook: 'slow', limit: 1 });
    void enter('fast', { webhook: 'fast', limit: 1 });
    await settled();
    expect(entered).toEqual(['slow1', 'fast']);
  });

  it('gives the free places of the process to the waiting webhooks in turn, however long their queues', async () => {
    const { entered, enter, end } = aQueue({ maxInFlight: 1 });
    for (const name of ['a1', 'a2', 'a3', 'a4']) void enter(name, { webhook: 'a' });
    for (const name of ['b1', 'b2']) void enter(name, { webhook: 'b' });
    await settled();
    for (const name of ['a1', 'a2', 'b1', 'a3', 'b2']) await end(name);
    expect(entered).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  it('never has more in flight than the process may', async () => {
    const { gate, enter } = aQueue({ maxInFlight: 5 });
    for (let i = 0; i < 50; i++) void enter(String(i), { webhook: `w${i % 7}` });
    await settled();
    expect(gate.inFlight).toBe(5);
  });

  it('takes a new limit from the next decision on', async () => {
    const gate = new DeliveryGate({ maxInFlight: 10 });
    let limit = 1;
    const { signal } = new AbortController();
    const enter = () => gate.enter({ webhookId: 'a', limit: () => limit, signal });
    const leaveFirst = await enter();
    void enter();
    void enter();
    void enter();
    limit = 3;
    leaveFirst();
    await settled();
    expect(gate.inFlight).toBe(3);
  });

  it('lets at least one in when the limit makes no sense', async () => {
    const { entered, enter } = aQueue();
    void enter('1', { webhook: 'a', limit: 0 });
    await settled();
    expect(entered).toEqual(['1']);
  });

  it('sends those that wait away when they are told to stop, and keeps no place for them', async () => {
    const { gate, entered, enter, end } = aQueue();
    const stop = new AbortController();
    await enter('1', { webhook: 'a', limit: 1 });
    const waiting = enter('2', { webhook: 'a', limit: 1, signal: stop.signal });
    void enter('3', { webhook: 'a', limit: 1 });
    stop.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    await end('1');
    expect(entered).toEqual(['1', '3']);
    expect(gate.waiting).toBe(0);
    await expect(enter('4', { webhook: 'a', signal: stop.signal })).rejects.toThrow('stopping');
  });

  it('forgets webhooks that have nothing in flight', async () => {
    const { gate, enter, end } = aQueue();
    await enter('1', { webhook: 'a' });
    await end('1');
    expect(gate).toMatchObject({ inFlight: 0, waiting: 0, lanes: new Map() });
  });
});
