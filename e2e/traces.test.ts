import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startReceiver, TraceCollector, type CollectedSpan, type Receiver } from '@dits/testkit';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(180_000);

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PRODUCER_SPAN_ID = 'b7ad6b7169203331';
const traceparent = `00-${TRACE_ID}-${PRODUCER_SPAN_ID}-01`;
const REPOSITORY_ID = 77;
const aPush = {
  event: 'push',
  repository: { id: REPOSITORY_ID, name: 'project', full_name: 'studio/project', private: false },
  sender: { id: 456, login: 'octocat', type: 'user' },
  commits: [],
};

let collector: TraceCollector;
let platform: Platform;
let receiver: Receiver;

/** A platform whose traces go to the collector, and a webhook whose receiver takes the third attempt. */
async function start(env: Record<string, string> = {}): Promise<string> {
  collector = await TraceCollector.start();
  receiver = await startReceiver({ respond: (_, n) => ({ status: n <= 2 ? 500 : 200 }) });
  const traces = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  platform = await startPlatform({ env: { all: { ...traces, ...env } }, retryTiers: '1s' });
  return platform.createWebhook(REPOSITORY_ID, {
    url: receiver.url,
    events: ['*'],
    send_traceparent: true,
  });
}
async function stop(): Promise<void> {
  await platform?.stop();
  await receiver?.close();
  await collector?.close();
}
const post = (headers: Record<string, string>) =>
  platform.call('POST', `${platform.gateway}/v1/events`, aPush, headers);

describe('the trace of one event', () => {
  beforeAll(async () => {
    await start();
  });
  afterAll(stop);

  const topic = (name: string): string => `${platform.prefix}${name}`;
  const ofTrace = (): CollectedSpan[] => collector.spans.filter(({ traceId }) => traceId === TRACE_ID);
  const named = (service: string, name: string): CollectedSpan[] =>
    ofTrace().filter((span) => span.service === service && span.name === name);

  it('goes from the producer through gateway, router, dispatcher and retrier to the attempt', async () => {
    expect((await post({ traceparent })).status).toBe(202);
    await receiver.waitFor(3);
    // Two of the gateway, one of the router, five of the dispatcher, one of the retrier: each app sends its own.
    await until(
      async () => ofTrace(),
      (found) => found.length >= 9,
    );

    const [server] = named('dits-gateway', 'POST /v1/events');
    expect(server).toMatchObject({
      kind: 2,
      parentSpanId: PRODUCER_SPAN_ID,
      attributes: { 'http.route': '/v1/events', 'http.response.status_code': 202 },
    });
    const [sent] = named('dits-gateway', `send ${topic('dits.events')}`);
    expect(sent).toMatchObject({ kind: 4, parentSpanId: server!.spanId });
    const [routed] = named('dits-router', `process ${topic('dits.events')}`);
    expect(routed).toMatchObject({
      kind: 5,
      parentSpanId: sent!.spanId,
      attributes: { 'dits.event': 'push', 'dits.deliveries': 1, 'messaging.system': 'kafka' },
    });

    const [held] = named('dits-retrier', `process ${topic('dits.deliveries.retry.1s')}`);
    const [first, second] = [routed!, held!].map(({ spanId }) =>
      named('dits-dispatcher', `process ${topic('dits.deliveries')}`).find(
        ({ parentSpanId }) => parentSpanId === spanId,
      )!,
    );
    expect(held!.parentSpanId).toBe(first!.spanId);
    const attemptsIn = ({ spanId }: CollectedSpan) =>
      named('dits-dispatcher', 'POST')
        .filter(({ parentSpanId }) => parentSpanId === spanId)
        .map(({ kind, attributes }) => [
          kind,
          attributes['dits.attempt'],
          attributes['http.response.status_code'],
          attributes['dits.outcome'],
        ])
        .sort();
    expect(attemptsIn(first!)).toEqual([
      [3, 1, 500, 'retryable'],
      [3, 2, 500, 'retryable'],
    ]);
    expect(attemptsIn(second!)).toEqual([[3, 3, 200, 'delivered']]);
    const [post3] = named('dits-dispatcher', 'POST').filter(
      ({ parentSpanId }) => parentSpanId === second!.spanId,
    );
    expect(post3!.attributes).toMatchObject({
      'server.address': '127.0.0.1',
      'dits.phase.headers_ms': expect.any(Number),
    });
    // The webhook has asked for it: the receiver's spans come under the attempt's.
    expect(receiver.requests[2]!.headers['traceparent']).toBe(`00-${TRACE_ID}-${post3!.spanId}-01`);
    expect(JSON.stringify(collector.spans)).not.toContain('/webhook"');

    // The history is written in batches of many traces: they link to each.
    const links = await until(
      async () =>
        collector.spans
          .filter(({ service, name }) => service === 'dits-recorder' && name === 'record batch')
          .flatMap((span) => span.links)
          .filter(({ traceId }) => traceId === TRACE_ID)
          .map(({ spanId }) => spanId),
      (found) => new Set(found).size >= 4,
    );
    const linked = [sent, routed, first, second].map((span) => span!.spanId);
    expect([...new Set(links)].sort()).toEqual(linked.sort());
  });

  it('begins at the gateway where the producer has none', async () => {
    const before = receiver.requests.length;
    expect((await post({})).status).toBe(202);
    await receiver.waitFor(before + 1);
    const attempt = await until(
      async () =>
        collector.spans.find(
          ({ service, name, traceId }) =>
            service === 'dits-dispatcher' && name === 'POST' && traceId !== TRACE_ID,
        ),
      (found) => found !== undefined,
    );
    const ofIt = collector.spans.filter(({ traceId }) => traceId === attempt!.traceId);
    expect(ofIt.filter(({ parentSpanId }) => !parentSpanId)).toMatchObject([
      { service: 'dits-gateway', name: 'POST /v1/events' },
    ]);
  });
});

describe('traces that are off', () => {
  beforeAll(async () => {
    await start({ OTEL_SDK_DISABLED: 'true' });
  });
  afterAll(stop);

  it('send nothing, and hand on what the producer gave, over a retry tier too', async () => {
    expect((await post({ traceparent })).status).toBe(202);
    const requests = await receiver.waitFor(3);
    expect(requests.map(({ headers }) => headers['traceparent'])).toEqual(Array(3).fill(traceparent));
    expect(collector.requests).toBe(0);
  });
});
