import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flush } from './flush.js';
import { noteDown } from './push.js';
import { Spool } from './spool.js';

// How long a push may be held up: enough for a healthy gateway, not enough to annoy.
const HOOK_DEADLINE_MS = 3_000;

/**
 * What runs after a push. What was pushed is kept already, by the hook's shell script or from `stdin`; tries for a
 * moment to send its events, and leaves the rest to the background. Never fails: the push is done, and its user can do
 * nothing about us.
 */
export async function postReceive({
  stdin,
  env,
  tell,
}: {
  /** What git wrote to the hook, when nobody has kept it yet. */
  stdin: Buffer | undefined;
  env: NodeJS.ProcessEnv;
  tell: (message: string) => void;
}): Promise<void> {
  const signal = AbortSignal.timeout(HOOK_DEADLINE_MS);
  const gitDir = resolve(env.GIT_DIR ?? '.');
  const spool = new Spool(gitDir);
  await spool.open();
  if (stdin) await spool.addReceived(noteDown(stdin, env), Date.now());
  const result = await flush({ gitDir, spool, signal, requestTimeoutMs: HOOK_DEADLINE_MS, tell });
  if (result.kind === 'empty') return;
  tell(`events are kept and will be sent later: ${result.reason}`);
  flushInBackground(gitDir);
}

/** Starts `git-events flush --background`, which outlives the push. */
function flushInBackground(gitDir: string): void {
  const cli = fileURLToPath(new URL('./cli.js', import.meta.url));
  // Nothing inherited: git waits until nobody holds the hook's output open.
  const child = spawn(process.execPath, [cli, 'flush', '--background', '--repo', gitDir], {
    detached: true,
    stdio: 'ignore',
    cwd: gitDir,
  });
  child.on('error', () => undefined);
  child.unref();
}
