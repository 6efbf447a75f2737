import type { Outbox, OutboxRecord } from '@dits/persistence';
import type { Logger } from '@dits/runtime';

/** What the relay needs. */
export interface OutboxRelayDeps {
  outbox: Pick<Outbox, 'relay'>;
  /** Resolves when all records are durable on their topics. */
  publish: (records: OutboxRecord[]) => Promise<void>;
  log: Pick<Logger, 'warn' | 'debug'>;
  now: () => number;
  onRelayed?: (records: number) => void;
  onFault?: () => void;
}

const BATCH_RECORDS = 500;
// Finds what another process left behind when it died between its commit and its relay.
const POLL_MS = 1_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Moves what transactions put into the outbox to Kafka.
 *
 *     idle --flushed() or 1 s--> round --outbox empty--> idle (all who waited when the round began are told)
 *                                  '--fault--> pause (50 ms doubling to 1 s; who waited goes on waiting) --> round
 *     any --stop()--> stopped, once the round in progress has ended
 *
 * Callers that come while a round runs share the next one, so many changes at once cost few rounds.
 */
export class OutboxRelay {
  private waiting: (() => void)[] = [];
  private wake: () => void = () => undefined;
  private stopped = false;
  private running: Promise<void> = Promise.resolve();
  private faultSince: number | null = null;

  constructor(private readonly deps: OutboxRelayDeps) {}

  /** Begins relaying. */
  start(): void {
    this.running = this.run();
  }

  /** Ends after the round in progress. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  /** When the relay began to fail, ms since 1970; null while it works. */
  get faultSinceMs(): number | null {
    return this.faultSince;
  }

  /** True when everything committed before the call is on its topic; false when that took longer than `limitMs`. */
  flushed(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (isFlushed: boolean): void => {
        clearTimeout(timer);
        this.waiting = this.waiting.filter((waiter) => waiter !== told);
        resolve(isFlushed);
      };
      const told = (): void => done(true);
      const timer = setTimeout(() => done(false), limitMs);
      this.waiting.push(told);
      this.wake();
    });
  }

  /** Has the outbox looked at now rather than at the next poll. */
  kick(): void {
    this.wake();
  }

  private async run(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.stopped) {
      // Woken between here and the wait below, the next round begins at once.
      const woken = this.armWake();
      const told = this.waiting;
      this.waiting = [];
      try {
        await this.drain();
      } catch (error) {
        this.waiting.push(...told);
        this.faultSince ??= this.deps.now();
        this.deps.onFault?.();
        this.deps.log.warn(
          { err: error, pause_ms: pauseMs, fault_since_ms: this.faultSince },
          'outbox.relay_failed',
        );
        await this.pause(pauseMs);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        continue;
      }
      this.faultSince = null;
      pauseMs = FIRST_PAUSE_MS;
      for (const tell of told) tell();
      await woken(POLL_MS);
    }
  }

  private async drain(): Promise<void> {
    for (;;) {
      const relayed = await this.deps.outbox.relay(BATCH_RECORDS, this.deps.publish);
      if (relayed > 0) {
        this.deps.onRelayed?.(relayed);
        this.deps.log.debug({ records: relayed }, 'outbox.relayed');
      }
      if (relayed < BATCH_RECORDS) return;
    }
  }

  private armWake(): (limitMs: number) => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.wake = resolve;
    if (this.stopped) resolve();
    return async (limitMs) => {
      const timer = setTimeout(resolve, limitMs);
      await promise;
      clearTimeout(timer);
    };
  }

  private async pause(limitMs: number): Promise<void> {
    // Callers that come meanwhile must not shorten the pause; only a stop does.
    const until = this.deps.now() + limitMs;
    while (!this.stopped && this.deps.now() < until) await this.armWake()(until - this.deps.now());
  }
}
