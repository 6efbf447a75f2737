import { describe, expect, it } from '@jest/globals';
import { counter, gauge, histogram, metricsRegistry } from './metrics.js';

describe('metrics', () => {
  it('makes the same metric once', () => {
    const o = { name: 'dits_twice_total', help: 'h' };
    expect(counter(o)).toBe(counter(o));
  });

  it('has a counter at 0 for labels that are known beforehand, once only', async () => {
    const o = {
      name: 'dits_known_total',
      help: 'h',
      labelNames: ['kind'],
      zeros: [{ kind: 'rare' }],
    } as const;
    counter(o).inc({ kind: 'rare' });
    counter(o);
    expect(await metricsRegistry.getSingleMetricAsString('dits_known_total')).toContain(
      'dits_known_total{kind="rare"} 1',
    );
  });

  it('asks a gauge for its value when it is read', async () => {
    let held = 1;
    gauge({ name: 'dits_held', help: 'h', collect: (g) => g.set(held) });
    held = 5;
    expect(await metricsRegistry.getSingleMetricAsString('dits_held')).toContain('dits_held 5');
  });

  it.each([
    ['without the prefix', () => counter({ name: 'events_total', help: 'h' })],
    ['counter without _total', () => counter({ name: 'dits_events', help: 'h' })],
    ['histogram without a unit', () => histogram({ name: 'dits_latency', help: 'h' })],
    ['gauge with _total', () => gauge({ name: 'dits_x_total', help: 'h' })],
    ['label without a bound', () => counter({ name: 'dits_y_total', help: 'h', labelNames: ['webhook_id'] })],
  ])('refuses a name or label: %s', (_, make) => {
    expect(make).toThrow(/^metric /);
  });
});
