import type { Logger } from '@dits/runtime';
import type { AuditMetrics } from './audit-metrics.js';

/** What repeating the audit needs. */
export interface RepeatAuditDeps {
  /** Runs unless another process does; returns whether it ran. */
  audit: () => Promise<boolean>;
  metrics: Pick<AuditMetrics, 'ran'>;
  log: Pick<Logger, 'warn'>;
  /** How long after one audit the next begins; before the first, too. */
  everyMs: number;
}

/**
 * Audits from time to time, until `stop`, which waits for a run under way. The first one waits as the others do: at a start the
 * stages are only catching up. A run that fails is only late; the next asks the same.
 */
export function repeatAudit({ audit, metrics, log, everyMs }: RepeatAuditDeps): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let timer = schedule();

  function schedule(): NodeJS.Timeout {
    return setTimeout(() => void (running = run()), everyMs);
  }
  async function run(): Promise<void> {
    try {
      if (!(await audit())) metrics.ran('skipped');
    } catch (err) {
      metrics.ran('failed');
      log.warn({ err }, 'audit.failed');
    }
    if (!stopped) timer = schedule();
  }
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
