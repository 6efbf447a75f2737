/** A place in a trace, as it travels: W3C Trace Context, level 1. */
export interface TraceContext {
  /** `00-<trace id>-<span id>-<flags>`. */
  traceparent: string;
  /** What tracing systems add for themselves. */
  tracestate?: string;
}

type Headers = Readonly<Record<string, Buffer | string | string[] | undefined>>;

// Later versions may add to what version 00 has. All zeros are no ids.
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.{0,200})?$/;
// What the specification asks everybody to carry.
const MAX_TRACESTATE_LENGTH = 512;

/** The context in headers of an HTTP request or a record; undefined when there is none, or none that can be read. */
export function traceContextOf(headers: Headers): TraceContext | undefined {
  const traceparent = headers['traceparent']?.toString();
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return undefined;
  const tracestate = headers['tracestate']?.toString() ?? '';
  return tracestate === '' || tracestate.length > MAX_TRACESTATE_LENGTH
    ? { traceparent }
    : { traceparent, tracestate };
}

/** The headers that hand a context on; none for none. */
export function traceHeaders(context: TraceContext | undefined): Record<string, string> {
  return context ? { ...context } : {};
}

/** The parts of a `traceparent` that {@link traceContextOf} has let through. */
export function partsOf({ traceparent }: TraceContext): { traceId: string; spanId: string; flags: number } {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent)!;
  return { traceId: traceId!, spanId: spanId!, flags: Number.parseInt(flags!, 16) };
}
