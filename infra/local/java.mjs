// Plain JavaScript, because tools/run.mjs looks for Java before there is a Node that runs TypeScript.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The major version in the text of `java -version` or of a JDK's `release` file, e.g. 21; null when there is none. */
export function parseJavaVersion(text) {
  // "1.8.0_402" is Java 8; "21.0.4", "25", "26-ea" say it first.
  const match = /(?:version |JAVA_VERSION=)"(?:1\.)?(\d+)[^"]*"/.exec(text);
  return match ? Number(match[1]) : null;
}

/** The first JDK of at least this version: JAVA_HOME, then the PATH, then the folders where systems keep them (newest first). */
export function findJava(least, env = process.env) {
  const seen = [];
  const consider = (java, where) => {
    const version = versionOf(java);
    if (version !== null) seen.push({ java, version, where });
    return version !== null && version >= least;
  };
  if (env.JAVA_HOME) consider(join(env.JAVA_HOME, 'bin/java'), 'JAVA_HOME');
  consider('java', 'PATH');
  const good = seen.find(({ version }) => version >= least);
  if (good) return { found: good, seen };
  for (const java of installed()) consider(java, 'system folder');
  const newest = seen.filter(({ version }) => version >= least).sort((a, b) => b.version - a.version)[0];
  return { found: newest ?? null, seen };
}

function installed() {
  const folders = [
    ['/usr/lib/jvm', 'bin/java'],
    ['/opt/java', 'bin/java'],
    ['/Library/Java/JavaVirtualMachines', 'Contents/Home/bin/java'],
    [join(homedir(), 'Library/Java/JavaVirtualMachines'), 'Contents/Home/bin/java'],
    ['/opt/homebrew/opt', 'bin/java'],
    ['/usr/local/opt', 'bin/java'],
    [join(homedir(), '.sdkman/candidates/java'), 'bin/java'],
    [join(homedir(), '.jdks'), 'bin/java'],
  ];
  return folders.flatMap(([folder, java]) => {
    try {
      return readdirSync(folder)
        .map((name) => join(folder, name, java))
        .filter((path) => existsSync(path));
    } catch {
      return [];
    }
  });
}

function versionOf(java) {
  const release = join(java, '../../release');
  if (java !== 'java' && existsSync(release)) {
    const version = parseJavaVersion(readFileSync(release, 'utf8'));
    if (version !== null) return version;
  }
  const run = spawnSync(java, ['-version'], { encoding: 'utf8' });
  return run.status === 0 ? parseJavaVersion(run.stderr + run.stdout) : null;
}

/** Whether a program is on the PATH and runs. */
export function canRun(program, args) {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
