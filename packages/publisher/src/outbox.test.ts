import { describe, expect, it } from '@jest/globals';
import { bundledSchemas, EventCatalogue } from '@dits/contracts';
import type { CheckedEvent } from './check-event.js';
import { Outbox, type OutboxOptions } from './outbox.js';

const type = new EventCatalogue(bundledSchemas).find('repo.created')!;
const unavailable = new Error('unavailable');

function numbered(n: number, jsonBytes = 300): CheckedEvent {
  return {
    type,
    event: { event_id: String(n) } as CheckedEvent['event'],
    jsonBytes,
    acceptedAtMs: 0,
    headers: {},
  };
}
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => numbered(from + i));
const idsOf = (events: CheckedEvent[]) => events.map(({ event }) => Number(event.event_id));

/** That it was taken. */
function taken(settled: ReturnType<Outbox['add']>): Promise<Error | undefined> {
  if (!settled) throw new Error('there was no room');
  return settled;
}

/** An outbox whose requests end when the test says so. */
function anOutbox(o: Partial<OutboxOptions> = {}) {
  const requests: { ids: number[]; end(failures?: (Error | undefined)[]): void; fail(): void }[] = [];
  const arrivals: (() => void)[] = [];
  const outbox = new Outbox({
    maxEvents: 1000,
    maxBytes: 10_000_000,
    deadlineMs: 60_000,
    now: () => 0,
    send(events) {
      const { promise, resolve, reject } = Promise.withResolvers<(Error | undefined)[]>();
      requests.push({
        ids: idsOf(events),
        end: (failures = events.map(() => undefined)) => resolve(failures),
        fail: () => reject(unavailable),
      });
      for (const arrived of arrivals.splice(0)) arrived();
      return promise;
    },
    ...o,
  });
  const request = async (n: number) => {
    while (requests.length < n) await new Promise<void>((resolve) => arrivals.push(resolve));
    return requests[n - 1]!;
  };
  return { outbox, request, requests };
}

describe('Outbox', () => {
  it('sends what comes in one turn as one request, and what comes meanwhile as the next', async () => {
    const { outbox, request } = anOutbox();
    const first = [taken(outbox.add(numbered(1))), taken(outbox.add(numbered(2)))];
    const one = await request(1);
    const then = [taken(outbox.add(numbered(3))), taken(outbox.add(numbered(4)))];
    one.end();
    expect(await Promise.all(first)).toEqual([undefined, undefined]);
    const two = await request(2);
    two.end();
    await Promise.all(then);
    expect([one.ids, two.ids]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('sends again in the order it was, before all that came meanwhile', async () => {
    const { outbox, request } = anOutbox();
    void outbox.addAll(numbers(1, 2));
    const one = await request(1);
    void outbox.add(numbered(3));
    one.fail();
    const two = await request(2);
    expect(two.ids).toEqual([1, 2, 3]);
    two.end([undefined, unavailable, undefined]);
    const three = await request(3);
    expect(three.ids).toEqual([2]);
    three.end();
    await outbox.flush();
    expect(outbox.size).toEqual({ events: 0, bytes: 0 });
  });

  it('settles with the last failure what is past its deadline, and goes on with the rest', async () => {
    let nowMs = 0;
    const { outbox, request } = anOutbox({ now: () => nowMs, deadlineMs: 1000 });
    const old = outbox.add(numbered(1));
    const one = await request(1);
    nowMs = 700;
    const young = outbox.add(numbered(2));
    nowMs = 1000;
    one.fail();
    expect(await old).toBe(unavailable);
    const two = await request(2);
    expect(two.ids).toEqual([2]);
    two.end();
    expect(await young).toBeUndefined();
  });

  it('refuses what is above the bound of events, until there is room', async () => {
    const { outbox, request } = anOutbox({ maxEvents: 2 });
    const both = [taken(outbox.add(numbered(1))), taken(outbox.add(numbered(2)))];
    expect(outbox.add(numbered(3))).toBe(false);
    (await request(1)).end();
    await Promise.all(both);
    expect(outbox.add(numbered(3))).not.toBe(false);
  });

  it('refuses what is above the bound of bytes, but takes a large event when it is empty', () => {
    const { outbox } = anOutbox({ maxBytes: 1000 });
    expect(outbox.add(numbered(1, 5000))).not.toBe(false);
    expect(outbox.add(numbered(2, 1))).toBe(false);
  });

  it('lets a list in as room comes, and nothing overtakes it', async () => {
    const { outbox, request } = anOutbox({ maxEvents: 2 });
    const list = outbox.addAll(numbers(1, 5));
    const another = outbox.addAll(numbers(6, 7));
    expect(outbox.size.events).toBe(2);
    const seen: number[] = [];
    for (const n of [1, 2, 3]) {
      const { ids, end } = await request(n);
      seen.push(...ids);
      expect(outbox.add(numbered(99))).toBe(false);
      end();
    }
    expect(await list).toHaveLength(5);
    const last = await request(4);
    seen.push(...last.ids);
    last.end();
    await another;
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('flushes also what is outside', async () => {
    const { outbox, request } = anOutbox({ maxEvents: 1 });
    void outbox.addAll(numbers(1, 3));
    let isFlushed = false;
    const flushed = outbox.flush().then(() => (isFlushed = true));
    for (const n of [1, 2, 3]) {
      const { end } = await request(n);
      expect(isFlushed).toBe(false);
      end();
    }
    await flushed;
  });

  it('keeps a request below 500 events and 800,000 bytes, and sends a larger event alone', async () => {
    const { outbox, request } = anOutbox();
    void outbox.addAll(numbers(1, 501));
    void outbox.add(numbered(502, 900_000));
    void outbox.add(numbered(503));
    const sizes: number[] = [];
    for (const n of [1, 2, 3, 4]) {
      const { ids, end } = await request(n);
      sizes.push(ids.length);
      end();
    }
    await outbox.flush();
    expect(sizes).toEqual([500, 1, 1, 1]);
  });

  it('takes what comes in the very moment it ran empty', async () => {
    const { outbox } = anOutbox({ send: async (events) => events.map(() => undefined) });
    for (let n = 0; n < 100; n++) {
      await outbox.add(numbered(n));
      await Promise.resolve();
      await outbox.add(numbered(n));
    }
  });
});
