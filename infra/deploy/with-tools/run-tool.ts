import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '@dits/local';
import { parseAllDocuments } from 'yaml';

export const chart = join(repositoryRoot, 'infra/helm');
// What Kubernetes the chart is rendered and checked for: one that is maintained.
export const kubernetes = '1.34';

/** A rendered resource, as far as tests look. */
export interface Resource {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  spec: any;
}

/** Runs a program in the repository and answers with its output; throws with what it said when it fails. */
export function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  return execFileSync(program, args, { cwd: repositoryRoot, env, encoding: 'utf8', maxBuffer: 1 << 26 });
}

/** The same for a program that is expected to fail: its exit code and what it said. */
export function runToFail(
  program: string,
  args: readonly string[],
  env = process.env,
): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: repositoryRoot, env, encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}

/** The arguments of `helm template` for a file of `ci/`. */
export function templateArgs(values: string, ...more: string[]): string[] {
  return [
    'template',
    'hooks',
    chart,
    '--kube-version',
    `${kubernetes}.0`,
    '--values',
    join(chart, 'ci', values),
    ...more,
  ];
}

/** What the chart becomes with a file of `ci/`. */
export function render(values: string, ...more: string[]): Resource[] {
  return parseAllDocuments(run('helm', templateArgs(values, ...more)))
    .map((document) => document.toJS() as Resource | null)
    .filter((resource) => resource !== null);
}
