#!/usr/bin/env node
// What package.json's scripts call. Plain JavaScript without dependencies for Node 20 and later: it runs before
// anything is installed. It checks the machine, installs and builds what is not there, and hands over to Node 24.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPython } from '../infra/local/find-python.mjs';
import { canRun, findJava } from '../infra/local/java.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const versions = JSON.parse(readFileSync(join(root, 'infra/local/versions.json'), 'utf8'));
const toolchain = join(root, '.local/toolchain');
// Its bin/python is what pythonPath() of infra/local answers with.
const pythonFolder = join(root, '.local/python');
const requirements = join(root, 'tools/python/requirements.txt');
const localCli = ['infra/local/cli.ts'];

const help = `usage: npm run <command> [-- <arguments>]     (or: node tools/run.mjs <command> [arguments])

  start        services, apps and a sample receiver, then a real git push that arrives signed; until Ctrl-C
  demo         the same, and ends: 0 when the delivery was verified, 1 with the reason when not
  test         all checks and all tests; arguments go to Jest; --only unit|int|e2e for a part
  e2e          the same as test --only e2e
  test:infra   chart, images' recipe and compose file, by helm and others: says which of them are missing
  test:containers  builds every image and runs the main path on them; needs a Docker engine
  test:prometheus  Prometheus with the rules on the running apps: rules and panels answer; needs prometheus and promtool
  conformance  every event type to every receiver of examples/receivers: who verifies, who refuses; --json
  fuzz         what schemathesis makes of /openapi.json of gateway and api, sent to both: --examples, --seed; --help
  keys         the keys that seal secrets at rest: status, rotate, generate; needs the settings of the api; --help
  audit:dependencies  known advisories of what is in the lock file; exits 1 for any, 2 when the registry has no answer
  upgrade      a former version and this one side by side under load, forth and back: --from REF; --help
  stack        Postgres, Kafka and the registry in the background: up, down, status, logs, reset
  bench        measurements, e.g. npm run bench -- latency
  chaos        breaks services and apps under load and accounts for every event: --seconds, --seed, --faults, --json
  generate     writes the types and docs/events.md anew from schemas/ (--check: only says whether they are stale)
  setup        checks the machine, installs, builds, fetches everything; the others do what they need of it
`;

/** What each command needs before it runs, and what then runs on Node 24. */
const commands = {
  start: { services: true, build: true, run: [...localCli, 'start'] },
  demo: { services: true, build: true, run: [...localCli, 'demo'] },
  test: { services: true, build: true, python: true, run: [...localCli, 'test'] },
  e2e: { services: true, build: true, python: true, run: [...localCli, 'test', '--only', 'e2e'] },
  'test:prometheus': { services: true, build: true, run: ['e2e/prometheus-command.ts'] },
  conformance: { services: true, build: true, python: true, run: ['e2e/conformance-command.ts'] },
  fuzz: { services: true, build: true, python: true, run: ['e2e/fuzz-command.ts'] },
  keys: { services: false, build: true, run: ['apps/api/dist/cli/keys.js'] },
  'audit:dependencies': { services: false, build: false, run: ['tools/audit-dependencies.mjs'] },
  'test:infra': { services: false, build: true, run: ['infra/deploy/test-infra.ts'] },
  'test:containers': { services: false, build: true, run: ['infra/deploy/test-containers.ts'] },
  upgrade: { services: true, build: true, run: ['e2e/upgrade/command.ts'] },
  stack: { services: true, build: false, run: [...localCli, 'stack'] },
  bench: { services: true, build: true, run: ['bench/run.ts'] },
  chaos: { services: true, build: true, run: ['e2e/chaos/command.ts'] },
  generate: { services: false, build: false, run: ['packages/contracts/generate.ts'] },
  setup: { services: true, build: true, python: true, run: [...localCli, 'fetch'] },
};

/** Something the user can mend: shown without a stack. */
class Failure extends Error {}

/** The child that runs now, and whether it has a session of its own (then a Ctrl-C at the terminal does not reach it). */
let current = null;
let signalledAtMs = 0;

const [name, ...args] = process.argv.slice(2);
// With --json the standard output is for the answer alone.
const print = args.includes('--json') ? console.error : console.log;
if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
  console.log(help);
  process.exit(name === undefined ? 2 : 0);
}
const command = Object.hasOwn(commands, name) ? commands[name] : null;
if (command === null) {
  console.error(`No command "${name}".\n\n${help}`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => passOn(signal));

try {
  checkMachine(command);
  const env = await toolEnvironment();
  await install(env);
  if (command.build) await build(env);
  if (command.python) await installPython(env);
  process.exitCode = await handOver(command.run, args, env);
} catch (error) {
  console.error(`\n${error instanceof Failure ? error.message : error.stack}`);
  process.exitCode = 1;
}

function checkMachine({ services, python }) {
  const missing = [];
  if (Number(process.versions.node.split('.')[0]) < versions.leastNode) {
    missing.push(`Node ${versions.leastNode} or later (this is ${process.version}): https://nodejs.org`);
  }
  if (!canRun('git', ['--version'])) {
    missing.push('git. Debian, Ubuntu: apt install git; macOS: xcode-select --install');
  }
  if (services) {
    const { found, seen } = findJava(versions.leastJava);
    if (!found) {
      const instead = seen.map(({ java, version }) => `${version} at ${java}`).join(', ') || 'none';
      missing.push(
        `a JDK of ${versions.leastJava} or later, in JAVA_HOME, on the PATH or in the system's JVM folder (found: ${instead}). ` +
          'Debian 13, Ubuntu: apt install openjdk-21-jre-headless; macOS: brew install openjdk@21; anywhere: https://adoptium.net',
      );
    }
    if (!canRun('mvn', ['--version'])) {
      missing.push(
        'Maven, as "mvn" on the PATH. Debian, Ubuntu: apt install maven; macOS: brew install maven',
      );
    }
  }
  if (python && !pythonIsReady()) {
    const { problem } = findPython(versions.leastPython);
    if (problem) missing.push(problem);
  }
  if (missing.length > 0)
    throw new Failure(`This machine lacks:\n${missing.map((line) => `  - ${line}`).join('\n')}`);
}

/** The environment for everything that follows; gets pnpm into .local/toolchain when it is not there. */
async function toolEnvironment() {
  const folder = join(toolchain, `pnpm-${versions.pnpm}`);
  const env = cleanEnvironment();
  if (!existsSync(folder)) {
    const partial = `${folder}.${process.pid}`;
    mkdirSync(partial, { recursive: true });
    const flags = ['--prefix', partial, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
    try {
      await step(
        `fetching pnpm ${versions.pnpm}`,
        'npm',
        ['install', ...flags, `pnpm@${versions.pnpm}`],
        env,
      );
      if (!existsSync(folder)) renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  // turbo looks for pnpm on the PATH; pnpm's scripts get Node 24 from node_modules/.bin.
  env.PATH = [join(folder, 'node_modules/.bin'), join(root, 'node_modules/.bin'), env.PATH].join(delimiter);
  return env;
}

// Under `npm run` the environment says a lot about npm that pnpm would take for its own settings.
function cleanEnvironment() {
  const ofNpm =
    /^npm_(lifecycle|package|command|execpath|node_execpath|config_(local_prefix|global_prefix|prefix|noproxy|npm_version|user_agent|init_module|node_gyp))|^INIT_CWD$/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !ofNpm.test(key)));
  return { ...env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', KAFKAJS_NO_PARTITIONER_WARNING: '1' };
}

async function install(env) {
  const stamp = join(toolchain, 'installed');
  const wanted = installHash();
  const node = join(root, 'node_modules/node/bin/node');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(node)) return;
  await step('installing packages', 'pnpm', ['install', '--frozen-lockfile', '--reporter=append-only'], env);
  writeFileSync(stamp, wanted);
}

/** Changes when an install would: the lockfile, the workspace's settings, any package.json. */
function installHash() {
  const hash = createHash('sha256');
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'];
  for (const group of ['apps', 'packages', 'tools', 'examples/receivers', 'infra', '.']) {
    if (!existsSync(join(root, group))) continue;
    for (const entry of readdirSync(join(root, group)).sort()) files.push(join(group, entry, 'package.json'));
  }
  for (const file of files) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(`${file}\n`).update(readFileSync(path));
  }
  return hash.digest('hex');
}

async function build(env) {
  // Without words when everything is built already, which takes about a second.
  await step('building', 'turbo', ['run', 'build', '--output-logs=errors-only', '--no-color'], env, {
    quietMs: 3_000,
  });
}

function pythonIsReady() {
  const stamp = join(pythonFolder, 'installed');
  // The link to a Python that was removed or upgraded away leads nowhere.
  if (!existsSync(stamp) || !existsSync(join(pythonFolder, 'bin/python'))) return false;
  return readFileSync(stamp, 'utf8') === readFileSync(requirements, 'utf8');
}

/** Makes .local/python with the packages that tests and the examples in Python need, when it is not there as wanted. */
async function installPython(env) {
  if (pythonIsReady()) return;
  const { found } = findPython(versions.leastPython);
  await step('making the Python environment', found.program, ['-m', 'venv', '--clear', pythonFolder], env);
  const pip = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '-r', requirements];
  await step('installing Python packages', join(pythonFolder, 'bin/python'), pip, env);
  writeFileSync(join(pythonFolder, 'installed'), readFileSync(requirements));
}

/** Runs one step of the set-up; its output is shown only when it fails. */
async function step(title, program, args, env, { quietMs = 0 } = {}) {
  const startedAtMs = Date.now();
  let output = '';
  let told = false;
  const tell = () => {
    print(
      told
        ? `  ${title} (${Math.round((Date.now() - startedAtMs) / 1000)} s) ${lastLine(output)}`
        : `  ${title}`,
    );
    told = true;
  };
  if (quietMs === 0) tell();
  const word = setTimeout(() => told || tell(), quietMs || 10_000);
  const heartbeat = setInterval(tell, 10_000);
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  current = { child, own: false };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-100_000)));
  }
  try {
    const code = await ended(child);
    if (signalledAtMs) process.exit(130);
    if (code !== 0)
      throw new Failure(
        `${output.trimEnd()}\n\n${title} failed: ${program} ${args.join(' ')} ended with ${code}`,
      );
  } finally {
    clearTimeout(word);
    clearInterval(heartbeat);
    current = null;
  }
}

function lastLine(output) {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  return line.length > 90 ? `${line.slice(0, 90)}…` : line;
}

/** Runs a command on Node 24 and resolves to its exit code. */
async function handOver(run, args, env) {
  const node = join(root, 'node_modules/node/bin/node');
  // A session of its own, because a Ctrl-C reaches everything in this one, and npm passes it on to us once more:
  // the child would stop twice. It gets each signal from us alone, and learns of our own end by the channel.
  const child = spawn(node, [...run, ...args], {
    cwd: root,
    env,
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  current = { child, own: true };
  const watch = watchParent(() => passOn('SIGTERM'));
  try {
    return (await ended(child)) ?? 1;
  } finally {
    clearInterval(watch);
  }
}

// npm's shell may die of a signal that npm passes to it alone; then nobody would tell us.
function watchParent(onGone) {
  if (!process.env.npm_lifecycle_event) return undefined;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    onGone();
  }, 300);
  return watch;
}

function passOn(signal) {
  // One Ctrl-C arrives here twice, from the terminal and from npm. A second one later means: at once.
  if (signalledAtMs && Date.now() - signalledAtMs < 1_000) return;
  signalledAtMs = Date.now();
  if (current === null) process.exit(130);
  current.child.kill(current.own ? signal : 'SIGTERM');
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new Failure(`${child.spawnfile} cannot be started: ${error.message}`)),
    );
    child.once('exit', (code) => resolve(code));
  });
}
