import { readFileSync, rmSync } from 'node:fs';
import { runFilePath } from './paths.ts';
import { writePrivateJson } from './private-file.ts';

/** What scripts read to find what runs. Addresses and urls as strings. */
export interface RunFile {
  gateway: string;
  api: string;
  token: string;
  kafka: string;
  registry: string;
  database: string;
  pids: Record<string, number>;
}

/** Writes an instance's run file, whole or not at all. */
export function writeRunFile(instance: string, content: RunFile): void {
  writePrivateJson(runFilePath(instance), content);
}

/** Removes it; what nobody serves any more must not be found. */
export function removeRunFile(instance: string): void {
  rmSync(runFilePath(instance), { force: true });
}

/** What the instance's run file says; null when there is none. */
export function readRunFile(instance: string): RunFile | null {
  try {
    return JSON.parse(readFileSync(runFilePath(instance), 'utf8')) as RunFile;
  } catch {
    return null;
  }
}
