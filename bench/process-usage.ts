import { readFileSync } from 'node:fs';

// Linux counts process time in ticks of 1/100 s on every platform Node runs on (sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND = 100;

/** What a process used so far: CPU seconds (user and system, all threads) and its highest resident memory. */
export interface ProcessUsage {
  cpuSeconds: number;
  peakRssBytes: number;
}

/** Reads a process's usage from /proc. Linux only; throws when the process is gone. */
export function processUsage(pid: number): ProcessUsage {
  // The command in parentheses may hold blanks: count fields after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    peakRssBytes: Number(peak?.[1] ?? 0) * 1024,
  };
}

/** CPU seconds of each named process between two readings. */
export function cpuBetween(
  before: Record<string, ProcessUsage>,
  after: Record<string, ProcessUsage>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, usage]) => [name, usage.cpuSeconds - (before[name]?.cpuSeconds ?? 0)]),
  );
}
