import { connect } from 'node:net';
import { join } from 'node:path';
import { repositoryRoot } from './paths.ts';
import { choosePort } from './ports.ts';
import { startProcess, waitUntilReady, type StartedProcess } from './supervise.ts';

export interface SampleReceiver {
  /** What a webhook names. */
  url: string;
  process: StartedProcess;
}

/** Starts the sample receiver of examples/receivers/node-express, and waits until it listens. */
export async function startReceiver(options: {
  folder: string;
  webhookSecret: string;
  signal?: AbortSignal;
}): Promise<SampleReceiver> {
  const port = await choosePort({ preferred: [3000] });
  const started = await startProcess({
    name: 'receiver',
    command: process.execPath,
    args: [join(repositoryRoot, 'examples/receivers/node-express/server.js')],
    env: { PATH: process.env['PATH'], PORT: String(port), WEBHOOK_SECRET: options.webhookSecret },
    logFile: join(options.folder, 'logs/receiver.log'),
  });
  await waitUntilReady(started, {
    isReady: () => accepts(port),
    timeoutMs: 20_000,
    signal: options.signal,
  });
  return { url: `http://127.0.0.1:${port}/webhook`, process: started };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
