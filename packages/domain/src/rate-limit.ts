// A twentieth of a second's worth may go at once: timers are not finer, and within any second it is 5 % too many at most.
const BURST_SECONDS = 0.05;

/** At most so many requests a second to one webhook: a token bucket. */
export class RateLimit {
  private tokens: number;
  private countedAtMs: number;

  constructor(
    private ratePerSecond: number,
    nowMs: number,
  ) {
    this.tokens = this.capacity;
    this.countedAtMs = nowMs;
  }

  /** Changes the rate; what was spent stays spent. */
  set(ratePerSecond: number): void {
    this.ratePerSecond = ratePerSecond;
    this.tokens = Math.min(this.tokens, this.capacity);
  }

  /** ms until one more request may go, when `ahead` others go before it; 0: now. */
  waitMs(nowMs: number, ahead = 0): number {
    this.count(nowMs);
    const missing = 1 + ahead - this.tokens;
    // Added up from parts of ms, a token may lack its last digits.
    return missing <= 1e-6 ? 0 : (missing * 1000) / this.ratePerSecond;
  }

  /** A request goes. Call it when {@link waitMs} is 0. */
  take(nowMs: number): void {
    this.count(nowMs);
    this.tokens -= 1;
  }

  /** True when it has all its tokens: it can be forgotten. */
  isFull(nowMs: number): boolean {
    this.count(nowMs);
    return this.tokens >= this.capacity;
  }

  private get capacity(): number {
    return Math.max(1, this.ratePerSecond * BURST_SECONDS);
  }

  private count(nowMs: number): void {
    // The clock may be set back.
    const passedMs = Math.max(0, nowMs - this.countedAtMs);
    this.countedAtMs = nowMs;
    this.tokens = Math.min(this.capacity, this.tokens + (passedMs * this.ratePerSecond) / 1000);
  }
}
