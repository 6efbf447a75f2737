import { onStopRequest } from '@dits/local';

/**
 * Runs a command of this folder: shows its help, ends it on Ctrl-C, and sets the exit code to what `work` resolves to, or to
 * 1 with the message of what it rejects with.
 */
export async function runCommand(
  { help, isHelpWanted }: { help: string; isHelpWanted: boolean },
  work: (signal: AbortSignal) => Promise<number>,
): Promise<void> {
  const stop = new AbortController();
  onStopRequest(() => stop.abort());
  if (isHelpWanted) {
    console.log(help);
  } else {
    try {
      process.exitCode = await work(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) console.error(`\n${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
  // The channel to the process that started us would keep us waiting.
  if (process.connected) process.disconnect();
}
