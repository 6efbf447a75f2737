import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EndpointGate, type GateOptions } from './endpoint-gate.js';
import type { Deferral, GateLimits, GateWaiter, Pass } from './endpoint-lane.js';

const OPTIONS: GateOptions = {
  maxInFlight: 1_000,
  maxWaitMs: 2_000,
  maxRateWaitMs: 15_000,
  circuit: { failuresToOpen: 5, openMs: 15_000, maxOpenMs: 240_000 },
};

/** A gate with a clock, and what became of each that asked. */
function aGate(options: Partial<GateOptions> = {}) {
  const gate = new EndpointGate({ ...OPTIONS, ...options });
  let nowMs = 1_000_000;
  const entered: string[] = [];
  const passes = new Map<string, Pass>();
  const deferred = new Map<string, Deferral>();
  const waiters = new Map<string, GateWaiter>();
  return {
    gate,
    entered,
    passes,
    deferred,
    waiters,
    now: () => nowMs,
    pass(ms: number): void {
      nowMs += ms;
      gate.tick(nowMs);
    },
    ask(name: string, webhook: string, limits: Partial<GateLimits> = {}, { isRetry = false } = {}): void {
      const waiter: GateWaiter = {
        enter(pass) {
          entered.push(name);
          passes.set(name, pass);
        },
        defer: (deferral) => void deferred.set(name, deferral),
      };
      waiters.set(name, waiter);
      const all = { maxConcurrency: 16, ratePerSecond: null, ...limits };
      gate.request({ webhookId: webhook, limits: () => all, isRetry }, waiter, nowMs);
    },
    askMany(count: number, webhook: string, limits: Partial<GateLimits> = {}): void {
      for (let i = 0; i < count; i++) this.ask(`${webhook}${i}`, webhook, limits);
    },
    end(name: string, result: 'success' | 'failure' | 'none' = 'success'): void {
      passes.get(name)!.leave(result, nowMs);
      passes.delete(name);
    },
  };
}

describe('places', () => {
  it('lets in as many requests per webhook as it may have, and the next in the order of arrival', () => {
    const { gate, askMany, entered, end } = bound(aGate());
    askMany(20, 'a');
    askMany(5, 'b', { maxConcurrency: 3 });
    expect(gate.inFlight).toBe(16 + 3);
    expect(gate.waiting).toBe(4 + 2);
    end('a7');
    end('a2');
    expect(entered.slice(-2)).toEqual(['a16', 'a17']);
  });

  it('lets an immediate retry go before all that wait, and retries in their own order', () => {
    const { ask, askMany, entered, end } = bound(aGate());
    askMany(20, 'a', { maxConcurrency: 2 });
    end('a0', 'failure');
    end('a1', 'failure');
    ask('a0 again', 'a', { maxConcurrency: 2 }, { isRetry: true });
    ask('a1 again', 'a', { maxConcurrency: 2 }, { isRetry: true });
    end('a2');
    end('a3');
    end('a0 again');
    expect(entered.slice(4)).toEqual(['a0 again', 'a1 again', 'a4']);
  });

  it('gives the free places of the process to the waiting webhooks in turn, however long their queues', () => {
    const { entered, ask, askMany, end } = bound(aGate({ maxInFlight: 1 }));
    ask('first', 'x');
    askMany(3, 'a');
    ask('b0', 'b');
    ask('c0', 'c');
    for (let i = 0; i < 5; i++) end(entered.at(-1)!);
    expect(entered).toEqual(['first', 'a0', 'b0', 'c0', 'a1', 'a2']);
  });

  it('gives a webhook that is alone all that its own bound allows, and never defers it while it is fast', () => {
    const { gate, ask, end, pass, deferred, passes } = bound(aGate());
    let asked = 0;
    // 1,000 wait at any time, a request takes 20 ms.
    for (let round = 0; round < 50; round++) {
      while (gate.waiting < 1_000) ask(`a${asked++}`, 'a');
      expect(gate.inFlight).toBe(16);
      pass(20);
      for (const name of [...passes.keys()]) end(name);
    }
    expect(deferred.size).toBe(0);
  });

  it('keeps the other half of the places for those that answer, however many hang', () => {
    const { gate, askMany, ask, pass, entered, end } = bound(aGate({ maxInFlight: 100 }));
    for (let n = 0; n < 4; n++) askMany(16, `hanging${n}-`);
    expect(gate.inFlight).toBe(64);
    pass(1_000);
    for (let n = 0; n < 4; n++) ask(`more${n}`, `hanging${n}-`);
    expect(gate.inFlight).toBe(64);
    for (let n = 0; n < 100; n++) {
      ask(`fast${n}`, 'fast');
      expect(entered.at(-1)).toBe(`fast${n}`);
      end(`fast${n}`);
    }
  });

  it('keeps some places for those that answer when more webhooks hang than there are places', () => {
    const { gate, ask, pass, entered, end, deferred, passes } = bound(aGate({ maxInFlight: 80 }));
    for (let n = 0; n < 70; n++) ask(`first${n}`, `hanging${n}`);
    pass(10_000);
    for (const name of [...passes.keys()]) end(name, 'failure');
    for (let n = 0; n < 70; n++) ask(`hanging${n}`, `hanging${n}`);
    expect(gate.inFlight).toBe(70);
    for (let n = 0; n < 70; n++) ask(`more${n}`, `hanging${n}`);
    expect(gate.inFlight).toBe(70);
    for (let n = 0; n < 100; n++) {
      ask(`fast${n}`, 'fast');
      expect(entered.at(-1)).toBe(`fast${n}`);
      end(`fast${n}`);
    }
    // A place that one of them gives back is another's again.
    end('hanging0', 'failure');
    ask('once more', 'hanging0');
    expect(gate.inFlight).toBe(70);
    expect(deferred.size).toBe(70);
  });

  it('does not hold up a cancelled one, and knows that it is gone', () => {
    const { gate, ask, waiters, end, entered, now } = bound(aGate());
    for (const name of ['1', '2', '3']) ask(name, 'a', { maxConcurrency: 1 });
    expect(gate.cancel('a', waiters.get('2')!, now())).toBe(true);
    expect(gate.cancel('a', waiters.get('2')!, now())).toBe(false);
    end('1');
    expect(entered).toEqual(['1', '3']);
  });
});

describe('deferrals', () => {
  it('defers who would wait longer than the bound at a slow webhook, and nobody of another', () => {
    const { askMany, ask, pass, end, deferred, entered } = bound(aGate());
    askMany(16, 'slow');
    pass(1_000);
    for (let i = 0; i < 16; i++) end(`slow${i}`);
    // 16 at a time, a second each: 32 may wait for two seconds.
    for (let i = 0; i < 60; i++) ask(`again${i}`, 'slow');
    ask('fast', 'fast');
    expect(entered).toContain('fast');
    expect([...deferred.keys()]).toEqual(Array.from({ length: 12 }, (_, i) => `again${48 + i}`));
    // The 33rd to wait, behind two that were put off before it.
    expect(deferred.get('again50')).toEqual({ reason: 'busy', expectedWaitMs: (35 / 16) * 1000 });
  });

  it('has those that are put off in one go wait in the order in which they stood', () => {
    const { askMany, ask, pass, deferred } = bound(aGate());
    askMany(16 + 64, 'slow');
    pass(4_000);
    // 16 at a time, four seconds each, the 9th to the 64th of those who wait.
    expect(deferred.size).toBe(56);
    expect(deferred.get('slow24')!.expectedWaitMs).toBe(9 * 250);
    expect(deferred.get('slow79')!.expectedWaitMs).toBe(64 * 250);
    ask('next', 'slow');
    expect(deferred.get('next')!.expectedWaitMs).toBe((9 + 56) * 250);
  });

  it('forgets those that were put off as their turns pass, and when nobody waits any more', () => {
    const { askMany, ask, pass, end, deferred, gate } = bound(aGate());
    askMany(16, 'a');
    pass(4_000);
    for (let i = 0; i < 16; i++) end(`a${i}`);
    for (let i = 0; i < 16 + 8 + 56; i++) ask(`b${i}`, 'a');
    expect(deferred.size).toBe(56);
    ask('now', 'a');
    pass(1_000);
    ask('later', 'a');
    // 57 and 58 stood before them, less the turns of a second.
    expect(deferred.get('now')!.expectedWaitMs).toBe((9 + 56) * 250);
    expect(deferred.get('later')!.expectedWaitMs).toBe((9 + 57 - 4) * 250);
    for (let i = 0; i < 24; i++) end(`b${i}`);
    expect(gate.inFlight).toBe(0);
    for (let i = 0; i < 16; i++) ask(`c${i}`, 'a');
    pass(8_000);
    for (let i = 0; i < 6; i++) ask(`d${i}`, 'a');
    const [first, second] = ['d4', 'd5'].map((name) => deferred.get(name)!.expectedWaitMs);
    // The 5th place, with nobody before it but those who wait.
    expect(first! / (second! - first!)).toBeCloseTo(5);
  });

  it('does not take a hiccup for how the receiver is', () => {
    const { askMany, ask, pass, end, deferred } = bound(aGate());
    askMany(16, 'a');
    for (let i = 0; i < 16 + 8 + 56; i++) ask(`b${i}`, 'a');
    pass(16);
    for (let i = 0; i < 16; i++) end(`a${i}`);
    pass(4_000);
    expect(deferred.size).toBe(64);
    expect(deferred.get('b79')).toEqual({ reason: 'busy', expectedWaitMs: 64 });
  });

  /** A gate with a queue of 900 at a webhook that ends all it has in flight in rounds, and steady quick requests to another. */
  function aLongQueue() {
    const it = bound(aGate());
    let asked = 0;
    const round = (ms: number, { ended = Infinity } = {}): void => {
      for (let n = it.gate.waiting; n < 900; n++) it.ask(`a${asked++}`, 'a');
      const those = [...it.passes.keys()].slice(0, ended);
      for (let passed = 0; passed < ms; passed += 5) {
        it.ask(`other${asked}`, 'other');
        it.pass(5);
        it.end(`other${asked++}`);
      }
      for (const name of those) it.end(name);
    };
    return { ...it, round };
  }

  it.each([115, 300, 700, 950])('does not put off a long queue for a pause of %i ms', (pauseMs) => {
    const { round, deferred } = aLongQueue();
    round(pauseMs); // the first connects, for example
    for (let n = 0; n < 20; n++) round(25);
    round(25, { ended: 7 });
    round(pauseMs);
    for (let n = 0; n < 20; n++) round(25);
    expect(deferred.size).toBe(0);
  });

  it.each([
    { tookMs: 250, waitAtMost: 128 },
    { tookMs: 1_500, waitAtMost: 21 },
    { tookMs: 10_000, waitAtMost: 3 },
  ])('puts off a long queue once a receiver that was fast takes $tookMs ms', ({ tookMs, waitAtMost }) => {
    const { round, gate, deferred } = aLongQueue();
    for (let n = 0; n < 20; n++) round(5);
    expect(deferred.size).toBe(0);
    for (let n = 0; n < 20; n++) round(tookMs);
    expect(deferred.size).toBeGreaterThan(0);
    expect(gate.waiting).toBeLessThanOrEqual(waitAtMost);
  });

  it('puts off who would wait too long at slow webhooks that get fewer places than they may have', () => {
    const { gate, ask, end, pass, deferred, entered, passes } = bound(aGate({ maxInFlight: 100 }));
    let asked = 0;
    // 20 webhooks that take 2 s, as many requests a second each: 320 may be in flight, and half of 100 are theirs.
    for (let second = 0; second < 20; second++) {
      for (let n = 0; n < 400; n++) ask(`${asked}`, `slow${asked++ % 20}`);
      const those = [...passes.keys()];
      pass(2_000);
      for (const name of those) end(name);
    }
    expect(gate.inFlight).toBeGreaterThanOrEqual(50);
    expect(gate.waiting).toBeLessThanOrEqual(gate.inFlight + 20);
    expect(deferred.size).toBeGreaterThan(asked / 2);
    ask('fast', 'fast');
    expect(entered.at(-1)).toBe('fast');
  });

  it('lets those wait for a rate limit that its clock lets through soon, however slow the webhook is', () => {
    const { ask, end, pass, deferred, passes } = bound(aGate());
    for (let n = 0; n < 60; n++) {
      ask(`a${n}`, 'a', { ratePerSecond: 4 });
      const those = [...passes.keys()].slice(0, 1);
      pass(250);
      for (const name of those) if (n >= 8) end(name);
    }
    for (let n = 0; n < 20; n++) ask(`b${n}`, 'a', { ratePerSecond: 4 });
    expect(deferred.size).toBe(0);
  });

  it('notices that a webhook has begun to hang, before its first request has ended', () => {
    const { askMany, pass, deferred, gate } = bound(aGate());
    askMany(48, 'a');
    expect(deferred.size).toBe(0);
    pass(4_000);
    // Each request has taken 4 s already: only 8 of the 32 would get their turn within two.
    expect(deferred.size).toBe(24);
    expect(gate.waiting).toBe(8);
  });

  it('does not take a webhook for slow while all are: then it is this process that is busy', () => {
    const { gate, ask, end, pass, deferred, passes } = bound(aGate());
    let asked = 0;
    // 20 webhooks with long queues; each request takes 300 ms, because all of them come at once.
    for (let round = 0; round < 30; round++) {
      while (gate.waiting < 4_000) ask(`${asked}`, `webhook${asked++ % 20}`);
      pass(300);
      for (const name of [...passes.keys()]) end(name);
    }
    const before = deferred.size;
    for (let round = 0; round < 30; round++) {
      while (gate.waiting < 4_000) ask(`${asked}`, `webhook${asked++ % 20}`);
      pass(300);
      for (const name of [...passes.keys()]) end(name);
    }
    expect(deferred.size).toBe(before);
  });

  it('defers all who wait when the circuit opens, and whoever comes while it is open', () => {
    const { askMany, ask, end, deferred, now, gate } = bound(aGate());
    askMany(20, 'a');
    for (let i = 0; i < 5; i++) end(`a${i}`, 'failure');
    expect(gate.isOpen('a', now())).toBe(true);
    // Four of the waiting went in as places became free; the fifth failure opened the circuit.
    ask('late', 'a');
    expect([...deferred.keys()]).toEqual(['late']);
    expect(deferred.get('late')).toEqual({ reason: 'circuit_open', expectedWaitMs: 15_000 });
    expect(gate.circuits(now())).toEqual({ open: 1, half_open: 0 });
  });

  it('lets one probe go, a few wait for it, and all of them when it succeeds', () => {
    const { askMany, ask, end, pass, deferred, entered, gate } = bound(aGate());
    askMany(5, 'a');
    for (let i = 0; i < 5; i++) end(`a${i}`, 'failure');
    pass(15_000);
    ask('probe', 'a');
    for (let i = 0; i < 20; i++) ask(`behind${i}`, 'a');
    expect(entered.at(-1)).toBe('probe');
    expect(deferred.size).toBe(4);
    end('probe');
    expect(gate.inFlight).toBe(16);
  });

  it('does not let others wait long for a probe that hangs', () => {
    const { askMany, ask, end, pass, deferred, gate } = bound(aGate());
    askMany(5, 'a');
    for (let i = 0; i < 5; i++) end(`a${i}`, 'failure');
    pass(15_000);
    ask('probe', 'a');
    ask('behind', 'a');
    pass(1_000);
    expect(gate.waiting).toBe(1);
    pass(5_000);
    expect([...deferred.keys()]).toEqual(['behind']);
    end('probe', 'failure');
    expect(gate.waiting).toBe(0);
  });

  it('lets a rate limit through by the clock and defers by how long its queue is', () => {
    const { askMany, entered, end, pass, deferred, gate, now } = bound(aGate());
    askMany(100, 'a', { ratePerSecond: 2 });
    expect(entered).toEqual(['a0']);
    // 31 places of half a second each are 15 s.
    expect(gate.waiting).toBe(30);
    expect(deferred.get('a31')).toMatchObject({ reason: 'rate_limited' });
    // Those that were put off before come before.
    expect(deferred.get('a99')!.expectedWaitMs).toBeGreaterThan(45_000);
    for (let ms = 0; ms < 5_000; ms += 100) {
      pass(100);
      for (const name of entered.slice(-1)) if (gate.inFlight > 0) end(name);
    }
    expect(entered).toHaveLength(11);
    expect(gate.nextTickMs(now())).toBeGreaterThan(0);
  });
});

describe('memory', () => {
  it('drops the state of a webhook when nothing is known against it, and a while later else', () => {
    const { gate, ask, end, pass } = bound(aGate());
    ask('good', 'good');
    ask('bad', 'bad');
    end('good');
    end('bad', 'failure');
    expect(gate.size).toBe(1);
    pass(11 * 60_000);
    expect(gate.size).toBe(0);
  });
});

// What may happen at a gate, in any order.
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('ask' as const), webhook: fc.nat(3), isRetry: fc.boolean() }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        which: fc.nat(1_000),
        result: fc.constantFrom('success' as const, 'failure' as const, 'none' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(1_000) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(20_000) }) },
  ),
  { maxLength: 300 },
);

describe('whatever happens', () => {
  it('answers everybody once, stays within its bounds, and in the end nobody is stuck', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (todo, maxInFlight) => {
        const limits: GateLimits[] = [
          { maxConcurrency: 1, ratePerSecond: null },
          { maxConcurrency: 16, ratePerSecond: null },
          { maxConcurrency: 4, ratePerSecond: 3 },
          { maxConcurrency: 2, ratePerSecond: null },
        ];
        const gate = new EndpointGate({ ...OPTIONS, maxInFlight });
        let nowMs = 0;
        const inFlight: { webhook: number; pass: Pass }[] = [];
        const waiting = new Set<{ webhook: number; waiter: GateWaiter }>();
        const ask = ({ webhook, isRetry }: { webhook: number; isRetry: boolean }): void => {
          const asker = {
            webhook,
            waiter: {
              enter(pass: Pass) {
                if (!waiting.delete(asker)) throw new Error('answered twice');
                inFlight.push({ webhook, pass });
              },
              defer() {
                if (!waiting.delete(asker)) throw new Error('answered twice');
              },
            },
          };
          waiting.add(asker);
          gate.request(
            { webhookId: String(webhook), limits: () => limits[webhook]!, isRetry },
            asker.waiter,
            nowMs,
          );
        };
        const end = (which: number, result: 'success' | 'failure' | 'none'): void => {
          const [ended] = inFlight.splice(which % Math.max(1, inFlight.length), 1);
          ended?.pass.leave(result, nowMs);
        };
        const check = (): void => {
          expect(gate.inFlight).toBe(inFlight.length);
          expect(gate.waiting).toBe(waiting.size);
          expect(inFlight.length).toBeLessThanOrEqual(maxInFlight);
          for (const [webhook, { maxConcurrency }] of limits.entries()) {
            const count = inFlight.filter((one) => one.webhook === webhook).length;
            expect(count).toBeLessThanOrEqual(maxConcurrency);
          }
        };
        for (const step of todo) {
          switch (step.do) {
            case 'ask':
              ask(step);
              break;
            case 'end':
              end(step.which, step.result);
              break;
            case 'cancel': {
              const asker = [...waiting][step.which % Math.max(1, waiting.size)];
              if (asker && gate.cancel(String(asker.webhook), asker.waiter, nowMs)) waiting.delete(asker);
              break;
            }
            case 'pass':
              nowMs += step.ms;
              gate.tick(nowMs);
          }
          check();
        }
        // Everything in flight ends, time passes: then nobody waits.
        for (let round = 0; round < 2_000 && (inFlight.length > 0 || waiting.size > 0); round++) {
          while (inFlight.length > 0) end(0, 'success');
          nowMs += 1_000;
          gate.tick(nowMs);
        }
        expect(waiting.size).toBe(0);
        expect(gate.inFlight).toBe(0);
        nowMs += 3_600_000;
        gate.tick(nowMs);
        expect(gate.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

function bound(gate: ReturnType<typeof aGate>) {
  return {
    ...gate,
    askMany: (...args: Parameters<typeof gate.askMany>) => gate.askMany(...args),
  };
}
