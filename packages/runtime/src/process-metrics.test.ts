import { describe, expect, it } from '@jest/globals';
import { HealthRegistry } from './health.js';
import { metricsRegistry } from './metrics.js';
import { exposeProcess } from './process-metrics.js';

describe('exposeProcess', () => {
  it('says what runs, and whether it is ready', async () => {
    const health = new HealthRegistry();
    let ok = false;
    health.register('producer', () => ({ ok }));
    exposeProcess({ name: 'router', health });

    const text = await metricsRegistry.getSingleMetricAsString('dits_build_info');
    expect(text).toMatch(/^dits_build_info\{app="router",version="\d+\.\d+\.\d+",node="\d+\.[\d.]+"\} 1$/m);
    expect(await metricsRegistry.getSingleMetricAsString('dits_ready')).toMatch(/^dits_ready 0$/m);
    ok = true;
    expect(await metricsRegistry.getSingleMetricAsString('dits_ready')).toMatch(/^dits_ready 1$/m);
  });
});
