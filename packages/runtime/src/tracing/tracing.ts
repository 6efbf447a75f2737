import type { TraceContext } from './trace-context.js';

/** Facts of a span; names by OpenTelemetry's semantic conventions, ours with `dits.` before them. */
export type SpanAttributes = Record<string, string | number | boolean | undefined>;

/** Options of a span. */
export interface SpanOptions {
  kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  parent?: TraceContext | undefined;
  /** Asked for only while traces are on. */
  links?: () => TraceContext[];
  /** Asked for only while traces are on. */
  attributes?: () => SpanAttributes;
  /** Begins then, ms since 1970; default now. */
  startMs?: number;
}

/** Something that takes time. */
export interface Span {
  /** What those who come after it have as their parent. While traces are off, the span's own parent. */
  readonly context: TraceContext | undefined;
  set(attributes: () => SpanAttributes): void;
  /** Ends it; `error` says in a word what went wrong. */
  end(error?: string): void;
}

/** Makes the spans of a process. */
export interface Tracing {
  span(name: string, options: SpanOptions): Span;
  /** Sends what was not sent yet, for a few seconds at most. */
  close(): Promise<void>;
}

/** Traces that are off: nothing is recorded, and contexts are handed on as they came. */
export const noTracing: Tracing = {
  span: (_name, { parent }) => ({ context: parent, set() {}, end() {} }),
  close: () => Promise.resolve(),
};

/** Ends the span with the work, which it names by the error's code or name when it rejects. */
export async function endWith<T>(span: Span, work: Promise<T>): Promise<T> {
  try {
    const result = await work;
    span.end();
    return result;
  } catch (error) {
    span.end(errorType(error));
    throw error;
  }
}

/** What a span is about that sends to a topic, or works on a record of one. */
export function messagingAttributes(
  operation: 'send' | 'process',
  o: { topic: string; partition?: number; offset?: bigint; group?: string },
): SpanAttributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': o.topic,
    'messaging.destination.partition.id': o.partition?.toString(),
    'messaging.kafka.offset': o.offset === undefined ? undefined : Number(o.offset),
    'messaging.consumer.group.name': o.group,
  };
}

function errorType(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
