export interface FoundPython {
  program: string;
  /** Major and minor. */
  version: [number, number];
  /** Whether it can make a virtual environment with pip in it. */
  hasVenv: boolean;
}

export function askPython(program: string): FoundPython | null;
export function findPython(
  least: [number, number],
  ask?: (program: string) => FoundPython | null,
): { found: FoundPython; problem: null } | { found: null; problem: string };
