export interface FoundJava {
  /** Path of the `java` program. */
  java: string;
  version: number;
  where: string;
}

export function parseJavaVersion(text: string): number | null;
export function findJava(
  least: number,
  env?: NodeJS.ProcessEnv,
): { found: FoundJava | null; seen: FoundJava[] };
export function canRun(program: string, args: string[]): boolean;
