/** Runs `make` on up to `concurrency` items at a time and yields the results in the order of the items. */
export async function* mapInOrder<T, R>(
  items: T[],
  concurrency: number,
  make: (item: T, index: number) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  for (const [index, item] of items.entries()) {
    const result = make(item, index);
    // Whoever awaits it sees the failure; until then it must not count as unhandled.
    result.catch(() => undefined);
    running.push(result);
    if (running.length >= concurrency) yield await running.shift()!;
  }
  for (const result of running) yield await result;
}
