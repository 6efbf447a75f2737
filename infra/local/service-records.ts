import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClassArchive } from './class-archive.ts';
import { writePrivateJson } from './private-file.ts';
import type { StartedProcess } from './supervise.ts';

export type ServiceName = 'postgres' | 'kafka' | 'registry';

/** In the order in which they start; they stop in the other. */
export const serviceNames: readonly ServiceName[] = ['postgres', 'kafka', 'registry'];

/** A service as it was last started; kept after its end, so that it gets the same port again. */
export interface RecordedService extends StartedProcess {
  port: number;
  /** Of those that run on a JVM. */
  archive?: ClassArchive;
}

/** Notes down a service that was started. */
export function recordService(folder: string, name: ServiceName, service: RecordedService): void {
  writePrivateJson(recordPath(folder, name), service);
}

/** The service as it was last started; null when it never was. Whether it runs is another question. */
export function readService(folder: string, name: ServiceName): RecordedService | null {
  try {
    return JSON.parse(readFileSync(recordPath(folder, name), 'utf8')) as RecordedService;
  } catch {
    return null;
  }
}

function recordPath(folder: string, name: ServiceName): string {
  return join(folder, `${name}.process.json`);
}
