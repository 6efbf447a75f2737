import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process as it was recorded: pids are used again, so the pid alone does not name it. */
export interface RecordedProcess {
  pid: number;
  /** When it was started, in whatever form the system tells it; equal for the same process only. */
  startedAt: string;
}

/** When the process with this pid was started, or null when there is none (or only a zombie). */
export function startOf(pid: number): string | null {
  return process.platform === 'linux' ? startOnLinux(pid) : startByPs(pid);
}

/** Whether exactly the recorded process still runs. */
export function isRunning(
  recorded: RecordedProcess,
  lookUp: (pid: number) => string | null = startOf,
): boolean {
  return lookUp(recorded.pid) === recorded.startedAt;
}

/** Reads the start time out of /proc/<pid>/stat; null for a zombie. */
export function parseLinuxStat(stat: string): string | null {
  // The second field is the program's name in parentheses and may hold anything, spaces and parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' || startTicks === undefined ? null : startTicks;
}

function startOnLinux(pid: number): string | null {
  try {
    const ticks = parseLinuxStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    // Ticks count from the boot, so the boot is part of the name.
    return ticks && `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${ticks}`;
  } catch {
    return null;
  }
}

function startByPs(pid: number): string | null {
  try {
    const [state, ...start] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trim()
      .split(/\s+/);
    return state?.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}
