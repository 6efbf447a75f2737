import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TraceCollector } from '@dits/testkit';
import { linesLog } from '../testing.js';
import { startTracing } from './start-tracing.js';
import { traceContextOf } from './trace-context.js';
import { endWith, messagingAttributes, noTracing, type Tracing } from './tracing.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';
const parent = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`, tracestate: 'vendor=7' };

let collector: TraceCollector;
let tracing: Tracing;
beforeEach(async () => {
  collector = await TraceCollector.start();
});
afterEach(async () => {
  await tracing?.close();
  await collector.close();
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  delete process.env['OTEL_EXPORTER_OTLP_TIMEOUT'];
});

async function on(env: Record<string, string> = {}) {
  const { log, lines } = linesLog();
  // The exporter reads where to send from the process itself.
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? collector.url;
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    ...env,
  };
  tracing = await startTracing({ name: 'router', version: '1.2.3', env: settings, log, now: Date.now });
  return { tracing, lines };
}

describe('traces that are on', () => {
  it('send spans with their parent, links and facts', async () => {
    const { tracing } = await on();
    const span = tracing.span('process dits.events', {
      kind: 'consumer',
      parent,
      links: () => [{ traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }],
      attributes: () => messagingAttributes('process', { topic: 'dits.events', partition: 3, offset: 9n }),
    });
    const child = tracing.span('POST', { kind: 'client', parent: span.context });
    span.set(() => ({ 'dits.deliveries': 2 }));
    child.end('timeout');
    span.end();
    await tracing.close();

    const [first, second] = collector.spans;
    expect(second).toMatchObject({
      service: 'dits-router',
      name: 'process dits.events',
      kind: 5,
      traceId: TRACE_ID,
      parentSpanId: PARENT_ID,
      links: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16) }],
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'dits.events',
        'messaging.destination.partition.id': '3',
        'messaging.kafka.offset': 9,
        'dits.deliveries': 2,
      },
    });
    expect(first).toMatchObject({
      name: 'POST',
      kind: 3,
      traceId: TRACE_ID,
      parentSpanId: second!.spanId,
      attributes: { 'error.type': 'timeout' },
      status: { code: 2 },
    });
    expect(span.context).toEqual({
      traceparent: `00-${TRACE_ID}-${second!.spanId}-01`,
      tracestate: 'vendor=7',
    });
  });

  it('end a span with the code of what went wrong', async () => {
    const { tracing } = await on();
    const fault = Object.assign(new Error('no leader'), { code: 'DITS_KAFKA_FAULT' });
    const span = tracing.span('send dits.events', { kind: 'producer' });
    await expect(endWith(span, Promise.reject(fault))).rejects.toBe(fault);
    await tracing.close();
    expect(collector.spans[0]).toMatchObject({ attributes: { 'error.type': 'DITS_KAFKA_FAULT' } });
  });

  it.each([
    ['parentbased_always_off', '1', ['of a parent']],
    ['parentbased_traceidratio', '0', ['of a parent']],
    ['always_off', '1', []],
    ['parentbased_always_on', '1', ['of a parent', 'of none']],
  ])('are sampled by %s %s', async (name, arg, sent) => {
    const { tracing } = await on({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg });
    tracing.span('of a parent', { kind: 'internal', parent }).end();
    const root = tracing.span('of none', { kind: 'internal' });
    root.end();
    await tracing.close();
    expect(collector.spans.map((span) => span.name)).toEqual(sent);
    // Those who come after are told, so that a trace is whole or not at all.
    expect(traceContextOf({ ...root.context })?.traceparent.slice(-2)).toBe(
      sent.includes('of none') ? '01' : '00',
    );
  });

  it('disturb nobody while the collector is away: a bounded queue, and a line', async () => {
    // It tries again for so long.
    process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '200';
    const { tracing, lines } = await on({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5',
    });

    for (let i = 0; i < 1_000; i++) tracing.span('x', { kind: 'internal' }).end();
    await tracing.close();
    expect(collector.requests).toBe(0);
    expect(lines().filter(({ msg }) => msg === 'traces.not_sent')).toEqual([
      expect.objectContaining({ level: 'warn', spans: expect.any(Number), error: expect.any(String) }),
    ]);
  });
});

describe('traces that are off', () => {
  it('hand contexts on as they came, and ask for no facts', async () => {
    const { log } = linesLog();
    const off = await startTracing({ name: 'router', version: '1', env: {}, log, now: Date.now });
    expect(off).toBe(noTracing);
    const attributes = (): never => {
      throw new Error('asked');
    };
    const span = off.span('x', { kind: 'internal', parent, attributes, links: attributes });
    span.set(attributes);
    expect(await endWith(span, Promise.resolve(7))).toBe(7);
    expect(span.context).toBe(parent);
  });

  // Its API is there anyhow: prom-client looks for a span to name in its exemplars.
  it('load neither SDK nor exporter', () => {
    const dist = join(import.meta.dirname, '../../dist/index.js');
    const program = `
      import { registerHooks } from 'node:module';
      let loaded = 0;
      registerHooks({ resolve(name, context, next) { if (/@opentelemetry.(?!api)/.test(name)) loaded++; return next(name, context); } });
      await import(${JSON.stringify(dist)});
      const off = loaded;
      await import(${JSON.stringify(dist.replace('index.js', 'tracing/otel-tracing.js'))});
      console.log(JSON.stringify({ off, on: loaded > 0 }));`;
    const node = ['--input-type=module', '-e', program];
    expect(JSON.parse(execFileSync(process.execPath, node, { encoding: 'utf8' }))).toEqual({
      off: 0,
      on: true,
    });
  });
});
