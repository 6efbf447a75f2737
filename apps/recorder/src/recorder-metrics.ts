import { counter, gauge } from '@dits/runtime';

/** What the recorder counts. */
export class RecorderMetrics {
  private oldestInHandMs: number | null = null;
  private readonly items = counter({
    name: 'dits_recorder_items_total',
    help: 'Records stored in the history, by what they are: event, routed, attempted, …',
    labelNames: ['kind'],
  });
  private readonly skipped = counter({
    name: 'dits_recorder_skipped_total',
    help: 'Records left out of the history: unreadable_event (the router dead-letters it), out_of_range (past the retention or far ahead).',
    labelNames: ['reason'],
    zeros: [{ reason: 'unreadable_event' }, { reason: 'out_of_range' }],
  });

  constructor(now: () => number) {
    gauge({
      name: 'dits_recorder_lag_seconds',
      help: 'Age of the oldest record that is being stored; 0 when none is. It grows while the database refuses.',
      collect: (lag) =>
        lag.set(this.oldestInHandMs === null ? 0 : Math.max(0, now() - this.oldestInHandMs) / 1000),
    });
  }

  /** A batch is in hand, and stays so when it fails: it comes again. */
  taken(oldestMs: number): void {
    this.oldestInHandMs = oldestMs;
  }

  recorded(o: { stored: Record<string, number>; unreadableEvents: number; outOfRange: number }): void {
    this.oldestInHandMs = null;
    for (const [kind, count] of Object.entries(o.stored)) this.items.inc({ kind }, count);
    this.skipped.inc({ reason: 'unreadable_event' }, o.unreadableEvents);
    this.skipped.inc({ reason: 'out_of_range' }, o.outOfRange);
  }
}
