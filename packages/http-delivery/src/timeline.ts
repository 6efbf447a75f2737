import { performance } from 'node:perf_hooks';
import type { SendPhase } from '@dits/domain';

/** The phases of one send: which one it is in, and how long each took. */
export class Timeline {
  private readonly startedAt = performance.now();
  private enteredAt = this.startedAt;
  private current: SendPhase | null = null;
  private readonly spent: Partial<Record<SendPhase, number>> = {};

  /** The phase it is in; `headers` while none was entered, since no connection has to be made then. */
  get phase(): SendPhase {
    return this.current ?? 'headers';
  }

  /** Ends the current phase and begins another. The first one began with the timeline. */
  enter(phase: SendPhase): void {
    if (this.current) this.countUntil(performance.now(), this.current);
    this.current = phase;
  }

  /** Ends the current phase; durations in ms. */
  end(): { durationMs: number; phasesMs: Partial<Record<SendPhase, number>> } {
    const now = performance.now();
    this.countUntil(now, this.phase);
    const phasesMs = Object.fromEntries(
      Object.entries(this.spent).map(([phase, ms]) => [phase, rounded(ms)]),
    );
    return { durationMs: rounded(now - this.startedAt), phasesMs };
  }

  private countUntil(now: number, phase: SendPhase): void {
    this.spent[phase] = (this.spent[phase] ?? 0) + now - this.enteredAt;
    this.enteredAt = now;
  }
}

// Microseconds are more than a clock of another machine could confirm.
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
