import type { Stall } from '@dits/kafka';
import { describe, expect, it } from '@jest/globals';
import { HealthRegistry } from './health.js';
import { metricsRegistry } from './metrics.js';
import { exposeStalls } from './watch-stalls.js';

const aStall = (o: Partial<Stall> = {}): Stall => ({
  group: 'blue.g',
  topic: 'blue.a',
  partition: 3,
  sinceMs: 0,
  behind: 12,
  ...o,
});

function exposed(stalls: Stall[], { nowMs = 0, stallRestartMs = 600_000 } = {}) {
  const health = new HealthRegistry();
  const liveness = new HealthRegistry();
  exposeStalls({
    stalls: () => stalls,
    groups: () => ['blue.g', 'blue.h'],
    health,
    liveness,
    config: { stallLimitMs: 120_000, stallRestartMs },
    prefix: 'blue.',
    now: () => nowMs,
  });
  return { health, liveness };
}

describe('exposeStalls', () => {
  it('is not ready while a partition stands still, and says which, since when, and how far behind', async () => {
    const { health } = exposed([aStall()]);
    expect(await health.report()).toEqual({
      ok: false,
      checks: {
        partitions: {
          ok: false,
          detail: {
            stalled: [
              {
                group: 'blue.g',
                topic: 'blue.a',
                partition: 3,
                behind: 12,
                since: '1970-01-01T00:00:00.000Z',
              },
            ],
          },
        },
      },
    });
    expect((await exposed([]).health.report()).ok).toBe(true);
  });

  it.each([
    ['is live when it has stood for a while', { nowMs: 599_999 }, true],
    ['asks to be restarted when it has stood for too long', { nowMs: 600_000 }, false],
    ['never asks when it is told not to', { nowMs: 9e12, stallRestartMs: 0 }, true],
  ])('%s', async (_, o, ok) => {
    expect((await exposed([aStall()], o).liveness.report()).ok).toBe(ok);
  });

  it('counts them by group, 0 where all moves', async () => {
    exposed([aStall(), aStall({ partition: 4 })]);
    const lines = (await metricsRegistry.getSingleMetricAsString('dits_consumer_stalled_partitions')).split(
      '\n',
    );
    expect(lines.filter((line) => !line.startsWith('#'))).toEqual([
      'dits_consumer_stalled_partitions{group="g"} 2',
      'dits_consumer_stalled_partitions{group="h"} 0',
    ]);
  });
});
