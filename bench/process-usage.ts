import { readdirSync, readFileSync } from 'node:fs';

// Linux counts process time in ticks of 1/100 s on every platform Node runs on (sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND = 100;

/** What a process and its children used so far: CPU seconds (user and system) and its own highest resident memory. */
export interface ProcessUsage {
  cpuSeconds: number;
  peakRssBytes: number;
}

interface Stat {
  parent: number;
  cpuSeconds: number;
}

/**
 * Reads the usage of processes from /proc; children count with their parent, since Postgres works in them.
 * Linux only; throws when one of the named processes is gone.
 */
export function processUsages(pids: Record<string, number>): Record<string, ProcessUsage> {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : null;
    if (stat) stats.set(Number(name), stat);
  }
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, usageOf(pid, stats)]));
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

function usageOf(pid: number, stats: Map<number, Stat>): ProcessUsage {
  const own = stats.get(pid);
  if (!own) throw new Error(`process ${pid} has ended`);
  let { cpuSeconds } = own;
  for (const { parent, cpuSeconds: seconds } of stats.values()) if (parent === pid) cpuSeconds += seconds;
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { cpuSeconds, peakRssBytes: Number(peak?.[1] ?? 0) * 1024 };
}

function readStat(pid: number): Stat | null {
  try {
    // The command in parentheses may hold blanks: count fields after it. See proc(5).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    // utime, stime, and the same of children that ended
    const ticks = fields.slice(11, 15).reduce((sum, n) => sum + n, 0);
    return { parent: fields[1]!, cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    return null; // ended between the listing and the reading
  }
}
