import { describe, expect, it } from '@jest/globals';
import { readTraceSettings } from './trace-settings.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

describe('traces', () => {
  it.each([
    ['nothing is set', {}],
    ['the endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['the exporter is none', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
    ['OpenTelemetry is switched off', { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
  ])('are off when %s', (_, env) => {
    expect(readTraceSettings(env)).toBeNull();
  });

  it.each([
    ['an endpoint', ENDPOINT],
    ['an endpoint of traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }],
    ['the exporter', { OTEL_TRACES_EXPORTER: 'otlp' }],
  ])('are on with %s, sampled as the parent was, else all', (_, env) => {
    expect(readTraceSettings(env)).toMatchObject({
      protocol: 'http/protobuf',
      sampler: { name: 'parentbased_always_on', ratio: 1 },
    });
  });

  it('take sampler, protocol and queue from the standard variables', () => {
    const env = {
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_BSP_MAX_QUEUE_SIZE: '50',
    };
    expect(readTraceSettings(env)).toEqual({
      protocol: 'http/json',
      sampler: { name: 'parentbased_traceidratio', ratio: 0.25 },
      batch: { scheduledDelayMillis: 100, maxQueueSize: 50 },
    });
  });

  it.each([
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '2'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '-1'],
  ])('say what is wrong with %s=%s', (name, value) => {
    expect(() => readTraceSettings({ ...ENDPOINT, [name]: value })).toThrow(name);
  });
});
