import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pythonPath, repositoryRoot } from '@dits/local';

/** A program of examples/receivers. */
export interface SampleReceiver {
  /** Its folder. */
  name: string;
  program: 'server.js' | 'server.py';
  /** What it verifies: `X-Hub-Signature-256`, or the headers of Standard Webhooks. */
  scheme: 'hub' | 'standard';
}

/** All of them. */
export const sampleReceivers: readonly SampleReceiver[] = [
  { name: 'node-express', program: 'server.js', scheme: 'hub' },
  { name: 'python-flask', program: 'server.py', scheme: 'hub' },
  { name: 'node-octokit', program: 'server.js', scheme: 'hub' },
  { name: 'node-standardwebhooks', program: 'server.js', scheme: 'standard' },
  { name: 'python-standardwebhooks', program: 'server.py', scheme: 'standard' },
];

/** One of them as a process. */
export interface RunningReceiver extends SampleReceiver {
  url: string;
  /** Every line it has printed. */
  lines: string[];
  /** Whether it has printed that it verified this delivery. */
  hasVerified(event: string, deliveryId: string): boolean;
  /** Ends it with SIGTERM; resolves to its exit code, or to the signal that it died of. */
  stop(): Promise<number | NodeJS.Signals>;
}

// Python and Flask need about 0.5 s when nothing else runs.
const START_TIMEOUT_MS = 30_000;

/** Starts one as its README says, on a free port, and waits until it has printed its url. */
export async function startSampleReceiver(
  receiver: SampleReceiver,
  { secret }: { secret: string },
): Promise<RunningReceiver> {
  const { name, program } = receiver;
  const command = program === 'server.js' ? process.execPath : pythonPath();
  const child = spawn(command, [program], {
    cwd: join(repositoryRoot, 'examples/receivers', name),
    env: { PATH: process.env['PATH'], WEBHOOK_SECRET: secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // 'close' rather than 'exit': everything it has printed is read then.
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4_000)));
  const stop: RunningReceiver['stop'] = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  const failed = (what: string) => new Error(`${name} ${what}:\n${lines.join('\n')}${errors}`);

  const isUp = new Promise<string>((resolve) => {
    output.on('line', (line) => {
      const [, url] = /^listening on (\S+)$/.exec(line) ?? [];
      if (url) resolve(url);
    });
  });
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  try {
    const url = await Promise.race([
      isUp,
      ended.then((how) => {
        throw failed(`ended with ${how} at its start`);
      }),
      once(timeout, 'abort').then(() => {
        throw failed(`did not listen within ${START_TIMEOUT_MS / 1000} s`);
      }),
    ]);
    const hasVerified = (event: string, deliveryId: string) =>
      lines.some((line) => line.startsWith(`verified ${event} ${deliveryId} for `));
    return { ...receiver, url, lines, hasVerified, stop };
  } catch (error) {
    if (child.exitCode === null) child.kill('SIGKILL');
    throw error;
  }
}
