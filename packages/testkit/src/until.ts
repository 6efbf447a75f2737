const LOOK_EVERY_MS = 10;

/**
 * Looks again and again until there is something to see (anything truthy), and returns it. Throws after `timeoutMs`, naming
 * what it waited for: that is a bound for what never comes, not a claim of how fast it comes.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<T, false | null | undefined>> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen as Exclude<T, false | null | undefined>;
    if (Date.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
