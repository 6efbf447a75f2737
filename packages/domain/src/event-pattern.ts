/**
 * Whether a webhook's pattern takes an event: `*` takes all, `push` only `push`, `push.*` takes `push.tag` and
 * `push.force` but not `push`.
 */
export function matchesPattern(pattern: string, event: string): boolean {
  if (pattern === '*') return true;
  if (pattern.endsWith('.*'))
    return event.length > pattern.length - 1 && event.startsWith(pattern.slice(0, -1));
  return pattern === event;
}

/** All patterns that take an event: `push.tag` is taken by `*`, `push.tag` and `push.*`. */
export function patternsOf(event: string): string[] {
  const patterns = ['*', event];
  for (let dot = event.indexOf('.'); dot !== -1; dot = event.indexOf('.', dot + 1)) {
    if (dot < event.length - 1) patterns.push(`${event.slice(0, dot)}.*`);
  }
  return patterns;
}
