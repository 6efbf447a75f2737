// Asks the registry for advisories about everything in the lock file. Its own command and no part of `npm test`: an advisory
// of today must not break a change of yesterday, nor a registry that is away. Run it daily and before a release.
import { spawnSync } from 'node:child_process';

const { status, stdout, stderr } = spawnSync('pnpm', ['audit', ...process.argv.slice(2)], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'pipe'],
});
process.stdout.write(stdout ?? '');
process.stderr.write(stderr ?? '');
// pnpm ends with 1 for both: what it found, and that it could not ask.
const hasNoAnswer = /ERR_PNPM_|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/.test(`${stdout}${stderr}`);
if (hasNoAnswer) {
  console.error(
    'The registry gave no answer about advisories: nothing is known. Set registry in .npmrc to one that answers, and run this again.',
  );
}
process.exitCode = hasNoAnswer ? 2 : (status ?? 2);
