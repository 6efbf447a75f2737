import type { CircuitOptions, CircuitState } from './circuit-breaker.js';
import { EndpointLane, type GateLimits, type GateWaiter, type LanePass, type Pass } from './endpoint-lane.js';

/** Bounds of an {@link EndpointGate}. */
export interface GateOptions {
  /** Requests in flight in the process. */
  maxInFlight: number;
  /** Longest expected wait at a webhook, ms; who would wait longer is deferred. */
  maxWaitMs: number;
  /** The same at a webhook with a rate limit, ms: its clock is known, and a deferral is never shorter than a tier. */
  maxRateWaitMs: number;
  circuit: CircuitOptions;
}

/** Who asks for a place. */
export interface GateRequest {
  webhookId: string;
  limits: () => GateLimits;
  /** An immediate retry of what was in flight a moment ago: it goes before those that wait. */
  isRetry: boolean;
}

// Shares of the process's places. From here on a slow webhook gets no second one.
const SCARCE_FROM = 1 / 2;
// And from here on none: a thousand webhooks that hang, with a request each, would take all.
const FOR_QUICK_FROM = 7 / 8;
// Weight of the newest request in the mean of all.
const NEWEST_OF_ALL = 0.02;
// How soon a queue that has become too slow is noticed when nobody comes or leaves.
const LOOK_EVERY_MS = 250;
// Of a webhook that fails and is not called: long enough to remember it between two deliveries of a tier or two.
const FORGET_MS = 10 * 60_000;
const SWEEP_EVERY_MS = 60_000;

/**
 * Decides which deliveries may be attempted now: per webhook a bound on requests in flight, a rate, a circuit breaker;
 * for the process a bound on requests in flight. Pure: time is an argument, and whoever may go is called back.
 *
 * A delivery that comes goes through these states:
 * ```
 *            request                place free, circuit closed, rate allows
 *   (new) ----------> waiting ------------------------------------------------> in flight --leave--> (gone)
 *                        |  expected wait beyond the bound, or the circuit opened
 *                        |------------------------------------------------------> deferred
 *                        `-- cancel ---------------------------------------------> (gone)
 * ```
 * - Within a webhook first come, first served, but for an immediate retry: that is immediate, and what it holds up (the offset of its
 *   record) would be all that was attempted since. Webhooks that wait and could go take turns, so that one with a long queue
 *   gets no more places than one with a short queue.
 * - Work-conserving: while there are places a webhook gets all that its own bounds allow. Only once half of the process's
 *   places are taken a slow webhook (500 ms and more a request) gets no second one, and of the last eighth none, so that many that
 *   hang leave the other half to those that answer, and very many a part.
 * - A webhook's state is dropped when nothing is in flight or waiting, and nothing is known against it; else ten
 *   minutes later.
 */
export class EndpointGate {
  private readonly lanes = new Map<string, EndpointLane>();
  /** Webhooks whose first waiter may go as far as they are concerned, in the order of their turns. */
  private readonly ready = new Set<EndpointLane>();
  /** Webhooks at which somebody waits. */
  private readonly crowded = new Set<EndpointLane>();
  private total = 0;
  private totalWaiting = 0;
  private sweptAtMs = 0;

  /** Of requests to all webhooks that succeeded, newest weighing most. */
  private readonly all = { meanMs: 0 };

  constructor(private readonly options: GateOptions) {}

  /** Requests in flight. */
  get inFlight(): number {
    return this.total;
  }

  /** Deliveries that wait for a place. */
  get waiting(): number {
    return this.totalWaiting;
  }

  /** Webhooks that state is held of. */
  get size(): number {
    return this.lanes.size;
  }

  /** Number of webhooks whose circuit is in each state but closed. */
  circuits(nowMs: number): Record<Exclude<CircuitState, 'closed'>, number> {
    const counts = { open: 0, half_open: 0 };
    for (const lane of this.lanes.values()) {
      const state = lane.circuit.state(nowMs);
      if (state !== 'closed') counts[state] += 1;
    }
    return counts;
  }

  /** True while no request may go to the webhook because of its failures. */
  isOpen(webhookId: string, nowMs: number): boolean {
    return this.lanes.get(webhookId)?.circuit.state(nowMs) === 'open';
  }

  /**
   * Asks for a place. One of the waiter's functions is called once: within this call, or within a later one of the gate's.
   * `limits` are asked at every decision.
   */
  request({ webhookId, limits, isRetry }: GateRequest, waiter: GateWaiter, nowMs: number): void {
    let lane = this.lanes.get(webhookId);
    if (!lane) {
      lane = new EndpointLane(webhookId, { ...this.options, all: this.all }, limits, nowMs);
      this.lanes.set(webhookId, lane);
    }
    lane.limits = limits;
    lane.waiting.add(waiter, { ahead: isRetry });
    this.totalWaiting += 1;
    this.update(lane, nowMs);
    this.admit(nowMs);
    // Still here: is it worth waiting?
    if (lane.waiting.has(waiter)) this.review(lane, nowMs);
  }

  /** A waiter goes away by itself; false when it does not wait any more. */
  cancel(webhookId: string, waiter: GateWaiter, nowMs: number): boolean {
    const lane = this.lanes.get(webhookId);
    if (!lane?.waiting.delete(waiter)) return false;
    this.totalWaiting -= 1;
    this.update(lane, nowMs);
    return true;
  }

  /** Lets in whom the time that has passed lets in, and defers who would wait too long by now. */
  tick(nowMs: number): void {
    for (const lane of this.crowded) this.update(lane, nowMs);
    this.admit(nowMs);
    for (const lane of this.crowded) this.review(lane, nowMs);
    if (nowMs - this.sweptAtMs >= SWEEP_EVERY_MS) this.sweep(nowMs);
  }

  /**
   * ms until {@link tick} is due for those who wait, at a webhook or at all: soon for a rate limit, else in a while to look at
   * how long they wait. Null when nobody waits.
   */
  nextTickMs(nowMs: number, webhookId?: string): number | null {
    const lanes = webhookId === undefined ? this.crowded : [this.lanes.get(webhookId)];
    let next: number | null = null;
    for (const lane of lanes) {
      if (!lane || lane.waiting.size === 0) continue;
      const waitMs = Math.min(LOOK_EVERY_MS, Math.max(1, lane.startsInMs(nowMs)));
      next = next === null ? waitMs : Math.min(next, waitMs);
    }
    return next;
  }

  private admit(nowMs: number): void {
    while (this.total < this.options.maxInFlight) {
      const lane = this.nextReady(nowMs);
      if (!lane) return;
      const waiter = lane.waiting.first!;
      lane.waiting.delete(waiter);
      this.totalWaiting -= 1;
      this.total += 1;
      const begun = lane.begin(nowMs);
      this.update(lane, nowMs);
      waiter.enter(this.passFor(lane, begun));
    }
  }

  /** The next in turn; at its end again when more of it wait. */
  private nextReady(nowMs: number): EndpointLane | undefined {
    const { maxInFlight } = this.options;
    const isScarce = this.total >= maxInFlight * SCARCE_FROM;
    const isForQuick = this.total >= maxInFlight * FOR_QUICK_FROM;
    for (const lane of this.ready) {
      if (isScarce && (lane.inFlight > 0 || isForQuick) && lane.isSlow(nowMs)) continue;
      this.ready.delete(lane);
      return lane;
    }
    return undefined;
  }

  private passFor(lane: EndpointLane, begun: LanePass): Pass {
    let left = false;
    return {
      leave: (result, nowMs) => {
        if (left) throw new Error('a place was given back twice');
        left = true;
        this.total -= 1;
        lane.end(begun, result, nowMs);
        if (result === 'success') {
          this.all.meanMs += NEWEST_OF_ALL * (nowMs - begun.startedAtMs - this.all.meanMs);
        }
        this.update(lane, nowMs);
        this.admit(nowMs);
        if (lane.waiting.size > 0) this.review(lane, nowMs);
      },
    };
  }

  /** Defers from the end of a queue whoever would wait too long. */
  private review(lane: EndpointLane, nowMs: number): void {
    for (const { waiter, deferral } of lane.tooLong(nowMs)) {
      lane.waiting.delete(waiter);
      this.totalWaiting -= 1;
      waiter.defer(deferral);
    }
    this.update(lane, nowMs);
  }

  private update(lane: EndpointLane, nowMs: number): void {
    if (lane.waiting.size > 0) this.crowded.add(lane);
    else this.crowded.delete(lane);
    if (lane.waiting.size > 0 && lane.startsInMs(nowMs) === 0) this.ready.add(lane);
    else this.ready.delete(lane);
    if (lane.isForgettable(nowMs)) this.lanes.delete(lane.webhookId);
  }

  private sweep(nowMs: number): void {
    this.sweptAtMs = nowMs;
    for (const lane of this.lanes.values()) {
      if (lane.isIdle && nowMs - lane.usedAtMs >= FORGET_MS) this.lanes.delete(lane.webhookId);
    }
  }
}
