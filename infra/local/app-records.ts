import { globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateJson } from './private-file.ts';
import { isRunning, startOf, type RecordedProcess } from './process-identity.ts';
import { stopProcess, type StartedProcess } from './supervise.ts';

// Apps are in sessions of their own, so they outlive a starter that is killed. Each set is noted down with its
// starter: a set whose starter is gone belongs to nobody, and whoever finds it ends it.
interface AppsRecord {
  starter: RecordedProcess;
  processes: StartedProcess[];
}

const fileName = 'apps.process.json';

/** Notes down which apps of this folder run, started by this process. */
export function recordApps(folder: string, processes: StartedProcess[]): void {
  const starter = { pid: process.pid, startedAt: startOf(process.pid) };
  writePrivateJson(join(folder, fileName), { starter, processes });
}

/** Forgets the apps of this folder. */
export function forgetApps(folder: string): void {
  rmSync(join(folder, fileName), { force: true });
}

/**
 * Ends the apps that a killed starter has left in this folder. Throws when their starter still runs: two sets over one
 * database and one consumer group would share the work.
 */
export async function clearFolderForApps(folder: string): Promise<void> {
  const record = read(join(folder, fileName));
  if (!record) return;
  if (isRunning(record.starter) && record.processes.some((app) => isRunning(app))) {
    throw new Error(`The apps of ${folder} are running already, started by process ${record.starter.pid}.`);
  }
  await end(folder, record);
}

/** Ends the sets of apps in or below a folder: those whose starter is gone, or all. */
export async function endApps(below: string, options: { abandonedOnly: boolean }): Promise<void> {
  for (const path of globSync(`**/${fileName}`, { cwd: below })) {
    const file = join(below, path);
    const record = read(file);
    if (record && !(options.abandonedOnly && isRunning(record.starter))) await end(join(file, '..'), record);
  }
}

async function end(folder: string, { processes }: AppsRecord): Promise<void> {
  await Promise.all(processes.map((app) => stopProcess(app, { timeoutMs: 15_000 })));
  forgetApps(folder);
}

function read(path: string): AppsRecord | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as AppsRecord;
  } catch {
    return null;
  }
}
