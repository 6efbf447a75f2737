import type { OverdueCounts } from '@dits/persistence';
import { counter, gauge } from '@dits/runtime';

/** What the audit found: put back, or past help. */
export type Finding = 'delivery_put_back' | 'delivery_expired' | 'event_put_back' | 'event_gone';

/** What the audit counts. */
export class AuditMetrics {
  private readonly runs = counter({
    name: 'dits_audit_runs_total',
    help: 'Audits: judged, withheld because a stage is behind, skipped because another process had its own, or failed.',
    labelNames: ['result'],
    zeros: [{ result: 'judged' }, { result: 'withheld' }, { result: 'skipped' }, { result: 'failed' }],
  });
  private readonly findings = counter({
    name: 'dits_audit_findings_total',
    help: 'What was lost: delivery_put_back, event_put_back; and past help: delivery_expired, event_gone.',
    labelNames: ['kind'],
    zeros: [
      { kind: 'delivery_put_back' },
      { kind: 'delivery_expired' },
      { kind: 'event_put_back' },
      { kind: 'event_gone' },
    ] satisfies { kind: Finding }[],
  });
  private readonly overdueNow = gauge({
    name: 'dits_audit_overdue',
    help: 'Deliveries and events that were overdue at the last audit, those among them that are merely slow.',
    labelNames: ['kind'],
  });

  ran(result: 'judged' | 'withheld' | 'skipped' | 'failed'): void {
    this.runs.inc({ result });
  }

  found(kind: Finding): void {
    this.findings.inc({ kind });
  }

  overdue({ deliveries, events }: OverdueCounts): void {
    this.overdueNow.set({ kind: 'delivery' }, deliveries);
    this.overdueNow.set({ kind: 'event' }, events);
  }
}
