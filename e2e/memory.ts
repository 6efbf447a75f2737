/** Resident memory of an app, as its `/metrics` says. */
export async function residentBytes({ adminUrl }: { adminUrl: string }): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
}

/** Looks at an app's memory until stopped; then resolves with the most that it has seen. */
export function watchMemory(app: { adminUrl: string }): { stop(): Promise<number> } {
  let isStopped = false;
  const watching = (async () => {
    let most = 0;
    do {
      most = Math.max(most, await residentBytes(app));
      await new Promise((resolve) => setTimeout(resolve, 100));
    } while (!isStopped);
    return Math.max(most, await residentBytes(app));
  })();
  return {
    stop() {
      isStopped = true;
      return watching;
    },
  };
}
