import { readEvent, type AnyEvent, type EventCatalogue, type EventType, type Problem } from '@dits/contracts';
import { InvalidEventError } from './errors.js';

// 1 MiB of JSON, as the gateway takes: what the services behind are made for.
const MAX_EVENT_BYTES = 1_048_576;
// Enough to mend a program by; a list of nothing but mistakes would be as long as itself.
const MAX_PROBLEMS = 20;

/** An event that may be sent. */
export interface CheckedEvent {
  type: EventType;
  event: AnyEvent;
  /** Size as JSON; as Avro it is smaller. */
  jsonBytes: number;
  acceptedAtMs: number;
  /** Of the record. */
  headers: Record<string, string>;
}

/** What checking takes from outside. */
export interface CheckDeps {
  catalogue: EventCatalogue;
  now: () => number;
  newEventId: (nowMs: number) => string;
  /** Headers of the trace that the caller is in. Default none. */
  traceHeaders?: () => Readonly<Record<string, string>>;
}

/** Checks an event `{event, …}` and fills in what is absent. Takes a copy. Throws {@link InvalidEventError}. */
export function checkOne(input: unknown, deps: CheckDeps): CheckedEvent {
  const { catalogue, now, newEventId } = deps;
  const acceptedAtMs = now();
  const read = readEvent(input, catalogue, {
    eventId: () => newEventId(acceptedAtMs),
    occurredAt: () => new Date(acceptedAtMs).toISOString(),
  });
  if (read.kind === 'problems') throw new InvalidEventError(read.problems);
  // Measured after the check: what fits a schema is neither deep nor circular.
  const jsonBytes = Buffer.byteLength(JSON.stringify(input));
  if (jsonBytes > MAX_EVENT_BYTES) {
    const message = `is larger than ${MAX_EVENT_BYTES} bytes as JSON (it has ${jsonBytes})`;
    throw new InvalidEventError([{ path: '', message }]);
  }
  return { type: read.type, event: read.event, jsonBytes, acceptedAtMs, headers: traceHeaders(deps) };
}

function traceHeaders({ traceHeaders: of }: CheckDeps): Record<string, string> {
  const { traceparent, tracestate } = of?.() ?? {};
  return { ...(traceparent && { traceparent }), ...(traceparent && tracestate && { tracestate }) };
}

/** As {@link checkOne} for a list: all of them, or an error with paths that begin with `events[3]`. */
export function checkAll(inputs: readonly unknown[], deps: CheckDeps): CheckedEvent[] {
  if (!Array.isArray(inputs))
    throw new InvalidEventError([{ path: 'events', message: 'must be a list of events' }]);
  const checked: CheckedEvent[] = [];
  const problems: Problem[] = [];
  for (const [i, input] of inputs.entries()) {
    if (problems.length >= MAX_PROBLEMS) break;
    try {
      checked.push(checkOne(input, deps));
    } catch (error) {
      if (!(error instanceof InvalidEventError)) throw error;
      for (const { path, message } of error.problems)
        problems.push({ path: [`events[${i}]`, path].filter(Boolean).join('.'), message });
    }
  }
  if (problems.length > 0) throw new InvalidEventError(problems);
  return checked;
}

/** Fields of one event type as an event. Throws {@link InvalidEventError} when they are of another type. */
export function withName(event: string, fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new InvalidEventError([{ path: '', message: 'must be an object' }]);
  }
  if ('event' in fields && fields.event !== event) {
    throw new InvalidEventError([
      { path: 'event', message: `must be absent or ${event} where ${event} is published` },
    ]);
  }
  return { ...fields, event };
}
