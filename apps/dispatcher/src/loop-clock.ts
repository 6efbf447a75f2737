// How often the clock looks, and the most it goes on between two looks: twice as much, so that a timer may be late.
const LOOK_EVERY_MS = 20;
const MOST_MS = 40;

/**
 * A clock that leaves out the time in which this process did nothing because it had too much to do, or no processor.
 *
 * How long a receiver takes is seen only as well as we look. Were our own standstill counted, a fast receiver would seem slow
 * as soon as we are busy, and its deliveries would be put off for our fault. Starts at 0; never goes back.
 */
export class LoopClock {
  private passedMs = 0;
  private lookedAtMs: number;
  private readonly timer: NodeJS.Timeout;

  /** @param realMs the monotonic clock, ms. */
  constructor(private readonly realMs: () => number) {
    this.lookedAtMs = realMs();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    // It keeps nothing alive.
    this.timer.unref();
  }

  /** ms since it was made. */
  now(): number {
    return this.passedMs + Math.min(this.realMs() - this.lookedAtMs, MOST_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    this.passedMs = this.now();
    this.lookedAtMs = this.realMs();
  }
}
