import type { PartitionChanges } from '@dits/persistence';
import { counter, type Logger } from '@dits/runtime';

/** What looking after the partitions needs. */
export interface MaintainDeps {
  maintain: () => Promise<PartitionChanges>;
  log: Logger;
  /** How long after one run the next begins. */
  everyMs: number;
}

const failures = counter({
  name: 'dits_recorder_maintenance_failures_total',
  help: 'Times that partitions could not be made ahead or dropped.',
});

/**
 * Makes partitions ahead and drops old ones, now and from time to time, until `stop`, which waits for a run under way.
 *
 * A run that fails is only late: the next makes up for it, and a batch makes the partitions it lacks by itself.
 */
export function maintainHistory({ maintain, log, everyMs }: MaintainDeps): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const run = async (): Promise<void> => {
    try {
      const { created, dropped } = await maintain();
      if (created.length + dropped.length > 0) log.info({ created, dropped }, 'history.maintained');
    } catch (err) {
      failures.inc();
      log.warn({ err }, 'history.not_maintained');
    }
    if (!stopped) timer = setTimeout(() => void (running = run()), everyMs);
  };
  let running = run();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
