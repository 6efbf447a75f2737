import type { Arrival } from './receivers.ts';

/** From one fault to the next; what happens meanwhile is put down to the first of them. */
export interface Period {
  fault: string;
  startedAtMs: number;
  /** Events that were accepted. */
  events: number;
  /** Events that were not, or whose answer never came. */
  refused: number;
  /** POSTs of deliveries that a receiver had answered with 2xx already. */
  repeated: number;
  longestGapMs: number;
}

export interface Seen {
  eventId: string;
  webhookId: string;
  /** How often each attempt came, and what it was answered last. */
  attempts: Map<number, { count: number; status: number | null }>;
  delivered: boolean;
  repeated: number;
}

/** What was accepted and what came of it, as an outsider sees it. */
export class Ledger {
  readonly periods: Period[] = [];
  readonly seen = new Map<string, Seen>();
  /** Accepted and not delivered: event and webhook, with when and in which period. */
  readonly outstanding = new Map<string, { acceptedAtMs: number; period: Period }>();
  /** Every pair that an accepted event must reach. */
  readonly expected = new Set<string>();
  /** Events that were posted and perhaps not accepted. */
  readonly uncertain = new Set<string>();
  lastAcceptedAtMs = 0;
  deliveredCount = 0;
  private readonly reached = new Set<string>();
  private lastDeliveredAtMs = 0;
  private underLoad = true;

  begin(fault: string): Period {
    this.end();
    const startedAtMs = Date.now();
    this.lastDeliveredAtMs = startedAtMs;
    const period = { fault, startedAtMs, events: 0, refused: 0, repeated: 0, longestGapMs: 0 };
    this.periods.push(period);
    return period;
  }

  /** The silence that lasts until now counts too. */
  end(): void {
    const period = this.periods.at(-1);
    if (period) this.noteGap(period, Date.now());
  }

  /** The load ends: what is silent from now on is no gap. */
  close(): void {
    this.end();
    this.underLoad = false;
  }

  accepted(o: { eventId: string; webhookIds: string[]; period: Period }): void {
    const acceptedAtMs = Date.now();
    this.lastAcceptedAtMs = acceptedAtMs;
    o.period.events++;
    this.uncertain.delete(o.eventId);
    for (const webhookId of o.webhookIds) {
      const pair = `${o.eventId} ${webhookId}`;
      this.expected.add(pair);
      // It may come before the 202 does.
      if (!this.reached.has(pair)) this.outstanding.set(pair, { acceptedAtMs, period: o.period });
    }
  }

  arrived({ eventId, webhookId, deliveryId, attempt, status }: Arrival): void {
    const period = this.periods.at(-1)!;
    const seen = this.seen.get(deliveryId) ?? {
      eventId,
      webhookId,
      attempts: new Map<number, { count: number; status: number | null }>(),
      delivered: false,
      repeated: 0,
    };
    this.seen.set(deliveryId, seen);
    seen.attempts.set(attempt, { count: (seen.attempts.get(attempt)?.count ?? 0) + 1, status });
    if (seen.delivered) {
      seen.repeated++;
      period.repeated++;
    }
    if (status !== 200) return;
    this.noteGap(period, Date.now());
    if (!seen.delivered) this.deliveredCount++;
    seen.delivered = true;
    const pair = `${eventId} ${webhookId}`;
    this.reached.add(pair);
    this.outstanding.delete(pair);
  }

  /** Accepted at least so long ago, and not delivered. */
  overdue(olderThanMs: number): number {
    const before = Date.now() - olderThanMs;
    return [...this.outstanding.values()].filter(({ acceptedAtMs }) => acceptedAtMs < before).length;
  }

  private noteGap(period: Period, nowMs: number): void {
    if (!this.underLoad) return;
    period.longestGapMs = Math.max(period.longestGapMs, nowMs - this.lastDeliveredAtMs);
    this.lastDeliveredAtMs = nowMs;
  }
}
