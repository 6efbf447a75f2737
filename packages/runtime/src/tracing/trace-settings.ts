import { ConfigError } from '@dits/contracts';

/** What the standard `OTEL_*` variables say about traces; those of the exporter's connection it reads itself. */
export interface TraceSettings {
  protocol: 'http/json' | 'http/protobuf';
  sampler: { name: string; ratio: number };
  /** Of the batch span processor; undefined: its own defaults. */
  batch: Record<
    'scheduledDelayMillis' | 'exportTimeoutMillis' | 'maxQueueSize' | 'maxExportBatchSize',
    number | undefined
  >;
}

type Env = Readonly<Record<string, string | undefined>>;

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [name, `parentbased_${name}`]);

/**
 * The settings, or null while traces are off: neither an endpoint nor `OTEL_TRACES_EXPORTER=otlp` is set, or they are switched off by
 * `OTEL_TRACES_EXPORTER=none` or `OTEL_SDK_DISABLED=true`. Throws `ConfigError` for what is not supported.
 */
export function readTraceSettings(env: Env): TraceSettings | null {
  const of = (name: string): string | undefined => env[name]?.trim() || undefined;
  const exporter = of('OTEL_TRACES_EXPORTER');
  const hasEndpoint = of('OTEL_EXPORTER_OTLP_ENDPOINT') ?? of('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  if (of('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || exporter === 'none') return null;
  if (exporter === undefined && hasEndpoint === undefined) return null;
  const oneOf = <const W extends string>(name: string, value: string, words: readonly W[]): W => {
    if ((words as readonly string[]).includes(value)) return value as W;
    throw new ConfigError(`${name}: must be one of ${words.join(', ')} (it is "${value}")`);
  };
  const number = (name: string, isGood: (value: number) => boolean): number | undefined => {
    const text = of(name);
    if (text === undefined) return undefined;
    if (isGood(Number(text))) return Number(text);
    throw new ConfigError(`${name}: must be a number in its range (it is "${text}")`);
  };
  const isCount = (value: number): boolean => Number.isInteger(value) && value > 0;
  oneOf('OTEL_TRACES_EXPORTER', exporter ?? 'otlp', ['otlp', 'none']);
  const protocolName = of('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? of('OTEL_EXPORTER_OTLP_PROTOCOL');
  const isRatio = (value: number): boolean => value >= 0 && value <= 1;
  return {
    protocol: oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', protocolName ?? 'http/protobuf', [
      'http/protobuf',
      'http/json',
    ]),
    sampler: {
      name: oneOf('OTEL_TRACES_SAMPLER', of('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on', SAMPLERS),
      ratio: number('OTEL_TRACES_SAMPLER_ARG', isRatio) ?? 1,
    },
    batch: {
      scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY', isCount),
      exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT', isCount),
      maxQueueSize: number('OTEL_BSP_MAX_QUEUE_SIZE', isCount),
      maxExportBatchSize: number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', isCount),
    },
  };
}
