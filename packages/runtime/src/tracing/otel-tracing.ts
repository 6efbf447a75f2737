import {
  createTraceState,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Span as OtelSpan,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger.js';
import { TellingExporter } from './telling-exporter.js';
import { partsOf, type TraceContext } from './trace-context.js';
import type { TraceSettings } from './trace-settings.js';
import type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing.js';

// A stop has 25 s for everything; traces are the last that somebody waits for.
const CLOSE_TIMEOUT_MS = 3_000;

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/**
 * Traces by OpenTelemetry's SDK, sent by OTLP over HTTP. Spans wait in a queue that is bounded; beyond it they are dropped. A
 * collector that is away costs a line in the log, and nobody waits for it.
 */
export class OtelTracing implements Tracing {
  private constructor(
    private readonly provider: TracerProvider,
    private readonly tracer: Tracer,
  ) {}

  static start(
    settings: TraceSettings,
    o: { name: string; version: string; log: Pick<Logger, 'warn' | 'info'>; now: () => number },
  ): OtelTracing {
    const { name, version, log, now } = o;
    const warn = (message: string): void => log.warn({ otel: message }, 'traces.warning');
    diag.setLogger({ error: warn, warn, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
    const otlp = settings.protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter();
    const exporter = new TellingExporter(otlp, { log, now });
    // What the environment says comes last, and wins.
    const resource = defaultResource()
      .merge(resourceFromAttributes({ 'service.name': `dits-${name}`, 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] }));
    const provider = new TracerProvider({
      resource,
      sampler: samplerOf(settings.sampler),
      spanProcessors: [new BatchSpanProcessor({ exporter, ...defined(settings.batch) })],
    });
    log.info({ protocol: settings.protocol, ...settings.sampler }, 'traces.on');
    return new OtelTracing(provider, provider.getTracer('dits-webhooks', version));
  }

  span(name: string, { kind, parent, links, attributes, startMs }: SpanOptions): Span {
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, toOtel(parent)) : ROOT_CONTEXT;
    const span = this.tracer.startSpan(
      name,
      {
        kind: KINDS[kind],
        links: (links?.() ?? []).map((link) => ({ context: toOtel(link) })),
        attributes: defined(attributes?.() ?? {}),
        ...(startMs !== undefined && { startTime: startMs }),
      },
      context,
    );
    return new RecordedSpan(span);
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
    await Promise.race([this.provider.shutdown().catch(() => undefined), tooLate]);
    clearTimeout(timer);
  }
}

class RecordedSpan implements Span {
  readonly context: TraceContext;

  constructor(private readonly span: OtelSpan) {
    this.context = fromOtel(span.spanContext());
  }

  set(attributes: () => SpanAttributes): void {
    if (this.span.isRecording()) this.span.setAttributes(defined(attributes()));
  }

  end(error?: string): void {
    if (error !== undefined) {
      this.span.setAttribute('error.type', error);
      this.span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.span.end();
  }
}

function samplerOf({ name, ratio }: TraceSettings['sampler']): Sampler {
  const parentBased = name.startsWith('parentbased_');
  const root = rootSampler(name.replace('parentbased_', ''), ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  return name === 'always_on' ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(ratio);
}

function toOtel(context: TraceContext): SpanContext {
  const { traceId, spanId, flags } = partsOf(context);
  const traceState = context.tracestate === undefined ? undefined : createTraceState(context.tracestate);
  return { traceId, spanId, traceFlags: flags & 1, isRemote: true, ...(traceState && { traceState }) };
}

function fromOtel({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

function defined<T>(values: Record<string, T | undefined>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, T] => entry[1] !== undefined),
  );
}
