// Plain JavaScript, because tools/run.mjs looks for Python before there is a Node that runs TypeScript.
import { spawnSync } from 'node:child_process';

// Answers with the version and whether an environment can be made: Debian leaves ensurepip out.
const QUESTION = `
import sys
try:
    import ensurepip, venv
    can = 1
except ImportError:
    can = 0
print(sys.version_info[0], sys.version_info[1], can)
`;

/** The version of a Python, e.g. [3, 12], and whether its venv module works; null when there is none under that name. */
export function askPython(program) {
  const run = spawnSync(program, ['-c', QUESTION], { encoding: 'utf8' });
  const match = /^(\d+) (\d+) ([01])\s*$/m.exec(run.status === 0 ? run.stdout : '');
  return match && { program, version: [Number(match[1]), Number(match[2])], hasVenv: match[3] === '1' };
}

/**
 * The first Python on the PATH of at least this version whose venv module works: `python3`, `python`, then `python3.20`
 * down to the least. `problem` says what is missing, and how to get it, when there is none.
 */
export function findPython(least, ask = askPython) {
  const [major, leastMinor] = least;
  const names = ['python3', 'python'];
  for (let minor = 20; minor >= leastMinor; minor--) names.push(`python${major}.${minor}`);
  const seen = [];
  for (const name of names) {
    const python = ask(name);
    if (!python) continue;
    const isNewEnough = python.version[0] === major && python.version[1] >= leastMinor;
    if (isNewEnough && python.hasVenv) return { found: python, problem: null };
    seen.push({ ...python, isNewEnough });
  }
  const withoutVenv = seen.find(({ isNewEnough }) => isNewEnough);
  if (withoutVenv) {
    const version = withoutVenv.version.join('.');
    return {
      found: null,
      problem:
        `the venv module of Python (${withoutVenv.program} is ${version} and has no ensurepip). ` +
        `Debian, Ubuntu: apt install python3-venv (or python${version}-venv)`,
    };
  }
  const instead =
    seen.map(({ program, version }) => `${program} is ${version.join('.')}`).join(', ') || 'none';
  return {
    found: null,
    problem:
      `Python ${least.join('.')} or later, as python3 on the PATH (found: ${instead}). ` +
      'Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python',
  };
}
