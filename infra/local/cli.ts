import { onStopRequest } from './stop-request.ts';

// Each command imported only when it is asked for: `stack` must work before anything is built.
const commands: Record<string, () => Promise<(args: string[], signal: AbortSignal) => Promise<number>>> = {
  start: async () => (await import('./start.ts')).start,
  demo: async () => (await import('./start.ts')).demo,
  test: async () => (await import('./test.ts')).test,
  stack: async () => (await import('./stack.ts')).stack,
  fetch: async () => (await import('./fetch.ts')).fetchServices,
};

const [name, ...args] = process.argv.slice(2);
const stop = new AbortController();
onStopRequest(() => stop.abort());
try {
  const command = await commands[name!]!();
  process.exitCode = await command(args, stop.signal);
} catch (error) {
  if (!stop.signal.aborted) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    if (process.env['DITS_LOG_LEVEL'] === 'debug') console.error(error);
  }
  process.exitCode = 1;
}
// The channel to tools/run.mjs would keep the process alive.
if (process.connected) process.disconnect();
