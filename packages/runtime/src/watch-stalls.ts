import type { Stall } from '@dits/kafka';
import type { ConfigField, ConfigOf } from './config.js';
import type { HealthRegistry } from './health.js';
import { gauge } from './metrics.js';
import { setting } from './setting.js';

/** Settings of the apps that consume. */
export const stallConfig = {
  stallLimitMs: {
    env: 'DITS_STALL_LIMIT_MS',
    schema: setting.integer(1_000, 86_400_000),
    default: '120000',
    unit: 'ms',
    doc: 'How long a partition may stand still while records wait in it; then /readyz says so. Longer than two attempts with their waits take.',
  },
  stallRestartMs: {
    env: 'DITS_STALL_RESTART_MS',
    schema: setting.integer(0, 86_400_000),
    default: '600000',
    unit: 'ms',
    doc: 'After how long a standstill /livez answers 503 too, so that the process is restarted and its partitions go on elsewhere; 0: never.',
  },
} as const satisfies Record<string, ConfigField<never> | ConfigField>;

/**
 * Has stalls seen: `/readyz` fails while there is one and names it, `/livez` fails when one lasts for `stallRestartMs`,
 * and `dits_consumer_stalled_partitions` counts them by group, without the prefix.
 */
export function exposeStalls(o: {
  stalls: () => readonly Stall[];
  /** Every group that is watched. */
  groups: () => Iterable<string>;
  health: HealthRegistry;
  liveness: HealthRegistry;
  config: ConfigOf<typeof stallConfig>;
  prefix: string;
  now: () => number;
}): void {
  const { stalls, health, liveness, prefix, now } = o;
  const { stallRestartMs } = o.config;
  health.register('partitions', () => report(stalls()));
  if (stallRestartMs > 0)
    liveness.register('partitions', () =>
      report(stalls().filter(({ sinceMs }) => now() - sinceMs >= stallRestartMs)),
    );
  gauge({
    name: 'dits_consumer_stalled_partitions',
    help: 'Partitions that stand still while records wait in them, without a fault that is known.',
    labelNames: ['group'],
    collect: (stalled) => {
      for (const group of o.groups()) stalled.set({ group: group.slice(prefix.length) }, 0);
      for (const { group } of stalls()) stalled.inc({ group: group.slice(prefix.length) });
    },
  });
}

function report(stalls: readonly Stall[]) {
  if (stalls.length === 0) return { ok: true };
  const stalled = stalls.map(({ sinceMs, ...stall }) => ({
    ...stall,
    since: new Date(sinceMs).toISOString(),
  }));
  return { ok: false, detail: { stalled } };
}
