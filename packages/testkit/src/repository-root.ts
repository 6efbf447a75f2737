import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root of the repository. From src under Jest and from dist otherwise, so it is looked for rather than counted. */
export function repositoryRoot(): string {
  for (let dir = import.meta.dirname; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'pnpm-workspace.yaml'))) return dir;
    if (dir === dirname(dir)) throw new Error(`no workspace above ${import.meta.dirname}`);
  }
}
