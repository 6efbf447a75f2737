import type { Logger } from '../logger.js';
import { readTraceSettings } from './trace-settings.js';
import { noTracing, type Tracing } from './tracing.js';

/**
 * The traces of a process, by the standard `OTEL_*` variables; {@link noTracing} when they ask for none, and then nothing of
 * OpenTelemetry is loaded. Throws `ConfigError` when a variable is wrong.
 */
export async function startTracing(o: {
  /** `router`; the service is called `dits-router` unless `OTEL_SERVICE_NAME` says otherwise. */
  name: string;
  version: string;
  env: Readonly<Record<string, string | undefined>>;
  log: Pick<Logger, 'warn' | 'info'>;
  now: () => number;
}): Promise<Tracing> {
  const settings = readTraceSettings(o.env);
  if (settings === null) return noTracing;
  const { OtelTracing } = await import('./otel-tracing.js');
  return OtelTracing.start(settings, o);
}
