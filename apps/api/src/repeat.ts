/**
 * Does something now and then `everyMs` after it has ended, until `stop`, which waits for a run in progress. One that fails is
 * told to `onFault`, and only late.
 */
export function repeat(o: {
  run: () => Promise<unknown>;
  everyMs: number;
  onFault: (error: unknown) => void;
}): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const once = async (): Promise<void> => {
    await o.run().catch(o.onFault);
    if (!isStopped) timer = setTimeout(() => void (running = once()), o.everyMs);
  };
  let running = once();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
