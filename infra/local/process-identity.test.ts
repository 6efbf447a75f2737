import { describe, expect, it } from '@jest/globals';
import { isRunning, parseLinuxStat, startOf } from './process-identity.ts';

const stat = (name: string, state: string) =>
  `4711 (${name}) ${state} 1 4711 4711 0 -1 4194560 1 0 0 0 7 3 0 0 20 0 1 0 8675309 1000 200 18446744073709551615`;

describe('parseLinuxStat', () => {
  it('reads the start time past a name with spaces and parentheses', () => {
    expect(parseLinuxStat(stat('a (b) c) d', 'S'))).toBe('8675309');
  });

  it('takes a zombie for ended', () => {
    expect(parseLinuxStat(stat('java', 'Z'))).toBeNull();
  });
});

describe('isRunning', () => {
  const recorded = { pid: 4711, startedAt: 'boot/100' };

  it('knows the process that was recorded', () => {
    expect(isRunning(recorded, () => 'boot/100')).toBe(true);
  });

  it('does not take another process with the same pid for it', () => {
    expect(isRunning(recorded, () => 'boot/999')).toBe(false);
  });

  it('sees that it has ended', () => {
    expect(isRunning(recorded, () => null)).toBe(false);
  });

  it('finds this very process by the system', () => {
    const startedAt = startOf(process.pid);
    expect(startedAt).not.toBeNull();
    expect(isRunning({ pid: process.pid, startedAt: startedAt! })).toBe(true);
  });
});
