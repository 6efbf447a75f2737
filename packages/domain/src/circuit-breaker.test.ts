import { describe, expect, it } from '@jest/globals';
import { CircuitBreaker } from './circuit-breaker.js';

const OPTIONS = { failuresToOpen: 3, openMs: 100, maxOpenMs: 350 };

function aCircuit(options: Partial<typeof OPTIONS> = {}) {
  const circuit = new CircuitBreaker({ ...OPTIONS, ...options });
  const end = (result: 'success' | 'failure' | 'none', nowMs: number, isProbe = false): void =>
    circuit.end({ result, isProbe, nowMs });
  const fail = (times: number, nowMs = 0): void => {
    for (let i = 0; i < times; i++) end('failure', nowMs);
  };
  return { circuit, end, fail };
}

describe('CircuitBreaker', () => {
  it('opens on failures in a row, and not before', () => {
    const { circuit, end, fail } = aCircuit();
    fail(2);
    end('success', 0);
    fail(2);
    expect(circuit.state(0)).toBe('closed');
    fail(1);
    expect(circuit.state(0)).toBe('open');
    expect(circuit.admits(99)).toBe(false);
    expect(circuit.opensForMs(40)).toBe(60);
  });

  it('lets one request go when its time has passed, and closes when that succeeds', () => {
    const { circuit, end, fail } = aCircuit();
    fail(3);
    expect(circuit.state(100)).toBe('half_open');
    expect(circuit.begin(100)).toBe(true);
    expect(circuit.admits(100)).toBe(false);
    end('success', 110, true);
    expect(circuit.state(110)).toBe('closed');
    expect(circuit.isPristine).toBe(true);
  });

  it('stays open twice as long after each probe that fails, up to a bound', () => {
    const { circuit, end, fail } = aCircuit();
    fail(3);
    const openMs: number[] = [];
    for (let nowMs = 100; openMs.length < 4;) {
      expect(circuit.begin(nowMs)).toBe(true);
      end('failure', nowMs, true);
      openMs.push(circuit.opensForMs(nowMs));
      nowMs += circuit.opensForMs(nowMs);
    }
    expect(openMs).toEqual([200, 350, 350, 350]);
  });

  it('lets another probe go when one ended without a word about the receiver', () => {
    const { circuit, end, fail } = aCircuit();
    fail(3);
    circuit.begin(100);
    end('none', 120, true);
    expect(circuit.admits(120)).toBe(true);
  });

  it('is not kept open by requests that began before it opened, and is closed by one that succeeds', () => {
    const { circuit, end, fail } = aCircuit();
    fail(3);
    fail(5, 90);
    expect(circuit.opensForMs(90)).toBe(10);
    end('success', 95);
    expect(circuit.state(95)).toBe('closed');
  });

  it('begins with the first duration again once it was closed', () => {
    const { circuit, end, fail } = aCircuit();
    fail(3);
    circuit.begin(100);
    end('failure', 100, true);
    end('success', 150);
    fail(3, 200);
    expect(circuit.opensForMs(200)).toBe(100);
  });

  it('never opens when it is switched off', () => {
    const { circuit, fail } = aCircuit({ failuresToOpen: 0 });
    fail(1000);
    expect(circuit.state(0)).toBe('closed');
  });
});
