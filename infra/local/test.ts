import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './paths.ts';
import { addFailures, closingLine, countTests, isGood, type TestCounts } from './test-counts.ts';
import { selectionOf, TEST_PARTS, type TestPart } from './test-selection.ts';
import { holdTestServices } from './test-services.ts';

const help = `npm test [-- [--only unit|int|e2e] [<Jest arguments>]]

Without arguments: all checks (generated code, schemas, formatting, lint, imports, types), then all tests,
then rules and dashboards with a real Prometheus where one is installed.
With --only or with Jest arguments (a path pattern, -t <name>): only those tests. Real services run for the tests
in an instance of their own, "test": with fresh data and stopped at the end, unless they run already
(npm run stack -- up --instance test), then they are used and left running.

The last line is "<n> passed, <n> failed, <n> skipped". A failed check counts as a failure; so does a skipped test.
`;

const bin = (name: string) => join(repositoryRoot, 'node_modules/.bin', name);

const checks: { title: string; command: string; args: string[] }[] = [
  {
    title: 'generated files are fresh',
    command: process.execPath,
    args: ['packages/contracts/generate.ts', '--check'],
  },
  {
    title: 'schemas fit what was released',
    command: process.execPath,
    args: ['packages/contracts/check-compatibility.ts'],
  },
  { title: 'formatting', command: bin('prettier'), args: ['--check', '--log-level', 'warn', '.'] },
  { title: 'lint', command: bin('eslint'), args: ['.', '--max-warnings', '0'] },
  {
    title: 'import rules',
    command: bin('depcruise'),
    args: ['apps', 'packages', 'tools', 'infra', 'e2e', 'bench', 'examples', '--output-type', 'err'],
  },
  { title: 'types', command: bin('tsc'), args: ['--noEmit', '-p', 'tsconfig.json'] },
];

// Where it is not installed this says so; `npm run test:prometheus` fails then.
const prometheusCommand = ['e2e/prometheus-command.ts', '--where-found'];

/** The `test` command. The answer is the exit code. */
export async function test(argv: string[], signal: AbortSignal): Promise<number> {
  const { only, jestArgs } = readArgs(argv);
  if (jestArgs.includes('--help')) {
    console.log(help);
    return 0;
  }
  const isWhole = only === undefined && jestArgs.length === 0;
  let failedChecks = 0;
  if (isWhole) {
    for (const { title, command, args } of checks) {
      const ok = await headed(title, signal, async () => (await runChild(command, args, signal)) === 0);
      if (!ok) failedChecks++;
    }
  }
  const counts = await withServices(only !== 'unit', signal, async () => {
    const ofTests = await headed('tests', signal, () =>
      runJest([...(only ? selectionOf(only) : []), ...jestArgs], signal),
    );
    if (!isWhole) return ofTests;
    const ok = await headed('rules and dashboards with Prometheus', signal, async () => {
      return (await runChild(process.execPath, prometheusCommand, signal)) === 0;
    });
    return ok ? ofTests : addFailures(ofTests, 1);
  });
  const all = addFailures(counts, failedChecks);
  if (all.total === 0) console.error('\nNo test was run.');
  console.log(`\n${closingLine(all)}`);
  return isGood(all) ? 0 : 1;
}

function readArgs(argv: string[]): { only: TestPart | undefined; jestArgs: string[] } {
  const at = argv.indexOf('--only');
  if (at < 0) return { only: undefined, jestArgs: argv };
  const only = TEST_PARTS.find((part) => part === argv[at + 1]);
  if (!only) throw new Error(`--only takes unit, int or e2e\n\n${help}`);
  return { only, jestArgs: argv.toSpliced(at, 2) };
}

async function withServices<T>(needed: boolean, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (!needed) return work();
  const onProgress = (line: string) => console.log(`  ${line}`);
  const release = await headed('services', signal, () => holdTestServices({ onProgress, signal }));
  try {
    return await work();
  } finally {
    await release();
  }
}

async function runJest(args: string[], signal: AbortSignal): Promise<TestCounts> {
  const results = join(repositoryRoot, '.local/test-results.json');
  mkdirSync(join(repositoryRoot, '.local'), { recursive: true });
  rmSync(results, { force: true });
  const nodeArgs = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
  ];
  const jestArgs = ['--json', `--outputFile=${results}`, '--maxWorkers=2', ...args];
  const code = await runChild(process.execPath, [...nodeArgs, ...jestArgs], signal);
  // No results: Jest did not even get to run, which is one failure whatever the reason.
  if (!existsSync(results)) return { passed: 0, failed: 1, skipped: 0, total: 1 };
  const counts = countTests(JSON.parse(readFileSync(results, 'utf8')) as object);
  // Something beside the tests, e.g. a coverage threshold or an open handle with --detectOpenHandles.
  return code !== 0 && counts.failed === 0 && counts.total > 0 ? addFailures(counts, 1) : counts;
}

function runChild(command: string, args: string[], signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(new Error('stopped'));
      else resolve(code ?? 1);
    });
  });
}

async function headed<T>(title: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  console.log(`\n== ${title}`);
  const startedAtMs = performance.now();
  const result = await work();
  const failed = result === false ? ' FAILED' : '';
  console.log(`== ${title}:${failed} ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  return result;
}
