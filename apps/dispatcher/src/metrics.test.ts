import type { Delivery, Outcome } from '@dits/contracts';
import type { SendResult } from '@dits/domain';
import { metricsRegistry } from '@dits/runtime';
import { describe, expect, it } from '@jest/globals';
import { createMetrics } from './metrics.js';
import { aGate } from './testing/a-gate.js';

const ACCEPTED_MS = 1_000;

function aDelivery(o: Partial<Delivery> = {}): Delivery {
  return { webhook_id: 'w', attempt: 1, trigger: 'event', accepted_at_ms: ACCEPTED_MS, ...o } as Delivery;
}

const answered = (status: number, durationMs = 20): SendResult =>
  ({ kind: 'response', status, durationMs }) as SendResult;

async function sumOf(name: string): Promise<number> {
  const text = await metricsRegistry.getSingleMetricAsString(name);
  return Number(/_sum (\S+)$/m.exec(text)![1]);
}

describe("the dispatcher's metrics", () => {
  it('time a delivery from the acceptance of its event to the end of the attempt that delivered it', async () => {
    const metrics = createMetrics(aGate());
    const failed = { delivery: aDelivery(), result: answered(500), outcome: 'retryable' as Outcome };
    metrics.attempted({ ...failed, startedAtMs: 1_100 });
    expect(await sumOf('dits_accept_to_delivered_seconds')).toBe(0);
    const retry = {
      delivery: aDelivery({ attempt: 2 }),
      result: answered(200),
      outcome: 'delivered' as Outcome,
    };
    metrics.attempted({ ...retry, startedAtMs: 3_480 });
    expect(await sumOf('dits_accept_to_delivered_seconds')).toBe(2.5);
    const again = { ...retry, delivery: aDelivery({ trigger: 'redelivery' }) };
    metrics.attempted({ ...again, startedAtMs: 999_999 });
    expect(await sumOf('dits_accept_to_delivered_seconds')).toBe(2.5);
  });

  it('are as many series for 10,000 webhooks as for ten', async () => {
    const gate = aGate({ maxInFlight: 20_000, failuresToOpen: 1 });
    const metrics = createMetrics(gate);
    const attempt = async (webhookId: string): Promise<void> => {
      const delivery = aDelivery({ webhook_id: webhookId, delivery_id: `d-${webhookId}` });
      const limits = () => ({ maxConcurrency: 16, ratePerSecond: null });
      const entry = await gate.enter({
        webhookId,
        limits,
        isRetry: false,
        signal: new AbortController().signal,
      });
      if (entry.kind === 'entered') gate.leave(entry.pass, 'failure');
      for (const [status, outcome] of [
        [200, 'delivered'],
        [500, 'retryable'],
        [400, 'rejected'],
      ] as const)
        metrics.attempted({ delivery, result: answered(status), outcome, startedAtMs: 2_000 });
      metrics.deferred('circuit_open');
      metrics.cancelled('webhook_deleted');
      metrics.failed('schedule_ended');
    };
    const series = async (): Promise<number> =>
      (await metricsRegistry.getMetricsAsJSON()).reduce((count, { values }) => count + values.length, 0);

    for (let i = 0; i < 10; i++) await attempt(`w${i}`);
    const before = await series();
    for (let i = 10; i < 10_000; i++) await attempt(`w${i}`);
    expect(gate.circuits().open).toBe(10_000);
    expect(await series()).toBe(before);
  });
});
