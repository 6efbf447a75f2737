import { CircuitBreaker, type CircuitOptions } from './circuit-breaker.js';
import { RateLimit } from './rate-limit.js';
import { WaitingLine } from './waiting-line.js';

/** What a webhook allows. */
export interface GateLimits {
  /** Requests in flight. */
  maxConcurrency: number;
  /** Requests a second; null: any number. */
  ratePerSecond: number | null;
}

/** Why a delivery is put off. */
export interface Deferral {
  reason: 'busy' | 'rate_limited' | 'circuit_open';
  /** How long it would have had to wait, as far as that can be known, ms. */
  expectedWaitMs: number;
}

/** A place at a webhook, to be given back once. */
export interface Pass {
  /** `failure`: what counts towards opening the circuit. `none`: nothing was sent, or it says nothing about the receiver. */
  leave(result: 'success' | 'failure' | 'none', nowMs: number): void;
}

/** Somebody who waits. */
export interface GateWaiter {
  enter(pass: Pass): void;
  defer(deferral: Deferral): void;
}

/** A request in flight, as its lane knows it. */
export interface LanePass {
  startedAtMs: number;
  isProbe: boolean;
}

interface LaneBounds {
  /** Mean duration of the requests to all webhooks that succeeded lately. */
  all: { readonly meanMs: number };
  maxWaitMs: number;
  maxRateWaitMs: number;
  circuit: CircuitOptions;
}

// A receiver that usually takes no longer is not deferred: 16 at a time are 160 a second and more, and when its queue moves slower it is
// we who are slow.
const FAST_MS = 100;
// And one that takes no more than four times as long as all take now, unless that is a second: then it is we who are slow, to all alike.
const SLOWER_THAN_ALL = 4;
// Requests that take so long say that it is slow now, whatever is usual: less may be a pause of either side.
const SURELY_SLOW_MS = 1_000;
// A request that takes longer holds its place for long, and others have it not.
const SLOW_MS = 500;
// Weight of the newest request in the mean of the latest.
const NEWEST = 0.2;
// What is in flight together is held up together, and may end within two rounds of as many: the third knows nothing of a pause.
const ROUNDS = 3;
// Most that wait for a rate limit, whatever the rate: a bound on what they hold in memory.
const MAX_RATE_WAITING = 256;

/** One webhook at the gate: who waits, what is in flight, and what is known of its receiver. */
export class EndpointLane {
  readonly waiting = new WaitingLine<GateWaiter>();
  readonly circuit: CircuitBreaker;
  inFlight = 0;
  usedAtMs: number;
  private rate: RateLimit | null = null;
  /** Mean duration of the latest requests; null before the first has ended. */
  private latestMs: number | null = null;
  /** Mean durations of the last rounds: as many requests as may be in flight together. */
  private readonly roundsMs: number[] = [];
  private readonly round = { sumMs: 0, count: 0 };
  /** Sum of the times at which the requests in flight have begun. */
  private startedSumMs = 0;
  /** Those that were put off because of others, and have not had their turn yet, as of then. */
  private putOff = { count: 0, atMs: 0 };

  constructor(
    readonly webhookId: string,
    private readonly bounds: LaneBounds,
    public limits: () => GateLimits,
    nowMs: number,
  ) {
    this.circuit = new CircuitBreaker(bounds.circuit);
    this.usedAtMs = nowMs;
  }

  get isIdle(): boolean {
    return this.inFlight === 0 && this.waiting.size === 0;
  }

  /** True when nothing is lost by forgetting it: it is well, fast and has not used up its rate. */
  isForgettable(nowMs: number): boolean {
    if (!this.isIdle || !this.circuit.isPristine || (this.latestMs ?? 0) >= SLOW_MS) return false;
    return this.rate === null || this.rate.isFull(nowMs);
  }

  /** True when its requests hold their places for long. */
  isSlow(nowMs: number): boolean {
    return this.requestMs(nowMs) >= SLOW_MS;
  }

  /** ms until its next request may go as far as time decides; Infinity when something else must happen first. */
  startsInMs(nowMs: number): number {
    if (this.inFlight >= this.limits().maxConcurrency || !this.circuit.admits(nowMs)) return Infinity;
    return this.rateLimit(nowMs)?.waitMs(nowMs) ?? 0;
  }

  begin(nowMs: number): LanePass {
    this.usedAtMs = nowMs;
    // Whoever comes now is let in: nobody is before it.
    if (this.waiting.size === 0) this.putOff.count = 0;
    this.inFlight += 1;
    this.startedSumMs += nowMs;
    this.rateLimit(nowMs)?.take(nowMs);
    return { startedAtMs: nowMs, isProbe: this.circuit.begin(nowMs) };
  }

  end({ startedAtMs, isProbe }: LanePass, result: 'success' | 'failure' | 'none', nowMs: number): void {
    this.usedAtMs = nowMs;
    this.inFlight -= 1;
    this.startedSumMs -= startedAtMs;
    if (result !== 'none') {
      const tookMs = Math.max(0, nowMs - startedAtMs);
      this.latestMs = this.latestMs === null ? tookMs : this.latestMs + NEWEST * (tookMs - this.latestMs);
      this.addToRound(tookMs);
    }
    this.circuit.end({ result, isProbe, nowMs });
  }

  /** What a request takes at the moment: what the latest took, or what those in flight have taken already. */
  requestMs(nowMs: number): number {
    return Math.max(this.latestMs ?? 0, this.ageMs(nowMs));
  }

  /** What requests take as a rule, as far as is known: without a pause of the receiver, or of ours. Null before the first has ended. */
  private get usualMs(): number | null {
    if (!this.isKnown || this.latestMs! >= SURELY_SLOW_MS) return this.latestMs;
    return Math.min(...this.roundsMs);
  }

  private get isKnown(): boolean {
    return this.roundsMs.length === ROUNDS;
  }

  private addToRound(tookMs: number): void {
    const { round, roundsMs } = this;
    round.sumMs += tookMs;
    round.count += 1;
    if (round.count < this.limits().maxConcurrency) return;
    roundsMs.push(round.sumMs / round.count);
    if (roundsMs.length > ROUNDS) roundsMs.shift();
    round.sumMs = round.count = 0;
  }

  /** For how long those in flight have been, in the mean. */
  private ageMs(nowMs: number): number {
    return this.inFlight === 0 ? 0 : nowMs - this.startedSumMs / this.inFlight;
  }

  /** Who waits and would wait too long, the last first. */
  *tooLong(nowMs: number): Generator<{ waiter: GateWaiter; deferral: Deferral }> {
    const before = this.putOffBefore(nowMs);
    if (this.deferralOf(this.waiting.size, before, nowMs) === null) return;
    let count = before;
    for (const waiter of this.waiting.fromTheEnd()) {
      // Those that are put off in one go stood behind it, not before.
      const deferral = this.deferralOf(this.waiting.size, before, nowMs);
      if (!deferral) return;
      if (deferral.reason !== 'circuit_open') this.putOff = { count: (count += 1), atMs: nowMs };
      yield { waiter, deferral };
    }
  }

  /** Whether the one at a place of the queue, from 1, should be put off; so many that were put off will go before it. */
  private deferralOf(place: number, before: number, nowMs: number): Deferral | null {
    const { maxConcurrency } = this.limits();
    const state = this.circuit.state(nowMs);
    if (state === 'open') {
      return { reason: 'circuit_open', expectedWaitMs: this.circuit.opensForMs(nowMs) };
    }
    const requestMs = this.requestMs(nowMs);
    if (state === 'half_open' && this.inFlight > 0) {
      // Behind the probe: as many as can go together when it is well, and no longer than others wait.
      const isWorthIt = place <= maxConcurrency && requestMs <= this.bounds.maxWaitMs;
      return isWorthIt ? null : { reason: 'circuit_open', expectedWaitMs: requestMs };
    }
    const rate = this.rateLimit(nowMs);
    const rateWaitMs = rate?.waitMs(nowMs, place - 1) ?? 0;
    if (rate && (rateWaitMs > this.bounds.maxRateWaitMs || place > MAX_RATE_WAITING)) {
      return { reason: 'rate_limited', expectedWaitMs: rate.waitMs(nowMs, place - 1 + before) };
    }
    // For its rate, or for a probe to go: that is no queue. Else it is full, or the process has no more places for it.
    if (this.inFlight < maxConcurrency && this.startsInMs(nowMs) > 0) return null;
    if (!this.isToBlame(nowMs) || this.waitMs(place, nowMs) <= this.bounds.maxWaitMs) return null;
    return { reason: 'busy', expectedWaitMs: (place + before) * this.turnMs(nowMs) };
  }

  /**
   * How long a place of its queue waits: for those before it, as many at a time as it has in flight now, and as long again as
   * those have taken beyond what is usual. A pause is one pause, and not one of each request to come.
   */
  private waitMs(place: number, nowMs: number): number {
    const ageMs = this.ageMs(nowMs);
    const usualMs = this.usualMs ?? ageMs;
    return (place / Math.max(1, this.inFlight)) * usualMs + Math.max(0, ageMs - usualMs);
  }

  /** How many of those that were put off will have their turn before one that is put off now. */
  private putOffBefore(nowMs: number): number {
    const { count, atMs } = this.putOff;
    const turns = Math.max(0, nowMs - atMs) / this.turnMs(nowMs);
    return Math.max(0, count - turns);
  }

  /** From one turn at a busy webhook to the next, in the long run, more than 0 ms: a request that hangs now says nothing of those to come. */
  private turnMs(nowMs: number): number {
    const { maxConcurrency, ratePerSecond } = this.limits();
    const requestMs = this.usualMs ?? this.ageMs(nowMs);
    return Math.max(
      requestMs / maxConcurrency,
      ratePerSecond === null ? 0 : 1000 / ratePerSecond,
      Number.EPSILON,
    );
  }

  /** Whether a queue is slow because of the receiver, and not of us. */
  private isToBlame(nowMs: number): boolean {
    if (this.requestMs(nowMs) >= SURELY_SLOW_MS) return true;
    const usualMs = this.isKnown ? this.usualMs! : 0;
    return usualMs >= FAST_MS && usualMs >= SLOWER_THAN_ALL * this.bounds.all.meanMs;
  }

  private rateLimit(nowMs: number): RateLimit | null {
    const { ratePerSecond } = this.limits();
    if (ratePerSecond === null) return (this.rate = null);
    if (this.rate) this.rate.set(ratePerSecond);
    return (this.rate ??= new RateLimit(ratePerSecond, nowMs));
  }
}
