/** When a circuit opens, and for how long. */
export interface CircuitOptions {
  /** Failures in a row that open it. 0: it never opens. */
  failuresToOpen: number;
  /** How long it stays open the first time, ms; twice as long after each probe that fails. */
  openMs: number;
  /** The longest it stays open, ms. */
  maxOpenMs: number;
}

export type CircuitState = 'closed' | 'open' | 'half_open';

/**
 * The circuit of one webhook: keeps requests away from a receiver that fails again and again.
 * ```
 *            failuresToOpen failures in a row               openMs has passed
 *   closed ----------------------------------> open ---------------------------> half_open
 *      ^                                         ^                                 |   |
 *      |                                         `--- the probe failed: for twice -'   |
 *      `------------------------------ the probe succeeded ----------------------------'
 * ```
 * - closed: requests go.
 * - open: none goes.
 * - half_open: one goes, the probe; the others wait for how it ends.
 *
 * Requests that began before it opened may end at any time: their success closes it, their failure changes nothing.
 */
export class CircuitBreaker {
  private failures = 0;
  private openUntilMs: number | null = null;
  private nextOpenMs: number;
  private probing = false;

  constructor(private readonly options: CircuitOptions) {
    this.nextOpenMs = options.openMs;
  }

  /** True when nothing is known against the receiver: the circuit can be forgotten. */
  get isPristine(): boolean {
    return this.failures === 0 && this.openUntilMs === null;
  }

  state(nowMs: number): CircuitState {
    if (this.openUntilMs === null) return 'closed';
    return nowMs < this.openUntilMs ? 'open' : 'half_open';
  }

  /** ms until it half-opens; 0 when it is not open. */
  opensForMs(nowMs: number): number {
    return this.openUntilMs === null ? 0 : Math.max(0, this.openUntilMs - nowMs);
  }

  /** True when a request may go now. In half_open that is the probe, until {@link begin} was called for it. */
  admits(nowMs: number): boolean {
    const state = this.state(nowMs);
    return state === 'closed' || (state === 'half_open' && !this.probing);
  }

  /** A request goes. Returns whether it is the probe, to be told to {@link end}. */
  begin(nowMs: number): boolean {
    const isProbe = this.state(nowMs) === 'half_open' && !this.probing;
    if (isProbe) this.probing = true;
    return isProbe;
  }

  /** A request has ended; `none` when it says nothing about the receiver. */
  end(o: { result: 'success' | 'failure' | 'none'; isProbe: boolean; nowMs: number }): void {
    if (o.isProbe) this.probing = false;
    switch (o.result) {
      case 'success':
        this.failures = 0;
        this.openUntilMs = null;
        this.nextOpenMs = this.options.openMs;
        return;
      case 'failure':
        this.failures += 1;
        if (o.isProbe || (this.openUntilMs === null && this.isTooMany())) this.open(o.nowMs);
        return;
      case 'none':
    }
  }

  private isTooMany(): boolean {
    const { failuresToOpen } = this.options;
    return failuresToOpen > 0 && this.failures >= failuresToOpen;
  }

  private open(nowMs: number): void {
    this.openUntilMs = nowMs + this.nextOpenMs;
    this.nextOpenMs = Math.min(this.nextOpenMs * 2, this.options.maxOpenMs);
  }
}
