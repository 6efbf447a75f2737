/**
 * Calls `onStop` once, when somebody wants this process to end: by a signal, or by the end of the process that holds
 * the other side of its channel. A second signal ends it at once.
 */
export function onStopRequest(onStop: () => void): void {
  let asked = false;
  const ask = () => {
    if (asked) process.exit(130);
    asked = true;
    onStop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
  process.once('disconnect', () => {
    if (!asked) ask();
  });
}
