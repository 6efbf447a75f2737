import { EndpointGate, type Deferral, type GateOptions, type GateRequest, type Pass } from '@dits/domain';

/** How a delivery came through the gate. */
export type Entry = { kind: 'entered'; pass: Pass } | { kind: 'deferred'; deferral: Deferral };

/** The endpoint gate with a clock: who waits holds a promise, and what only time changes is looked at by a timer. */
export class DeliveryGate {
  private readonly gate: EndpointGate;
  private readonly now: () => number;
  private timer: { handle: NodeJS.Timeout; dueAtMs: number } | null = null;

  /** @param options.now how long receivers take, ms; see `LoopClock`. */
  constructor({ now, ...options }: GateOptions & { now: () => number }) {
    this.gate = new EndpointGate(options);
    this.now = now;
  }

  /** Requests in flight. */
  get inFlight(): number {
    return this.gate.inFlight;
  }

  /** Deliveries that wait for a place. */
  get waiting(): number {
    return this.gate.waiting;
  }

  /** Webhooks whose circuit is open, or has a probe out. */
  circuits(): ReturnType<EndpointGate['circuits']> {
    return this.gate.circuits(this.now());
  }

  isOpen(webhookId: string): boolean {
    return this.gate.isOpen(webhookId, this.now());
  }

  /**
   * Resolves when a request to the webhook may begin, with the place to give back, once, when it has ended; or when the
   * delivery is to be put off. Rejects with the signal's reason when that aborts first. `limits` is asked at every
   * decision.
   */
  enter({ signal, ...request }: GateRequest & { signal: AbortSignal }): Promise<Entry> {
    const { webhookId } = request;
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      let isAnswered = false;
      const answer = (entry: Entry): void => {
        isAnswered = true;
        signal.removeEventListener('abort', onAbort);
        resolve(entry);
      };
      const waiter = {
        enter: (pass: Pass) => answer({ kind: 'entered', pass }),
        defer: (deferral: Deferral) => answer({ kind: 'deferred', deferral }),
      };
      const onAbort = (): void => {
        this.gate.cancel(webhookId, waiter, this.now());
        reject(signal.reason as Error);
      };
      this.gate.request(request, waiter, this.now());
      if (isAnswered) return;
      signal.addEventListener('abort', onAbort, { once: true });
      this.lookIn(this.gate.nextTickMs(this.now(), webhookId));
    });
  }

  /** Gives a place back. */
  leave(pass: Pass, result: Parameters<Pass['leave']>[0]): void {
    pass.leave(result, this.now());
  }

  private lookIn(waitMs: number | null): void {
    if (waitMs === null) return;
    const dueAtMs = this.now() + waitMs;
    if (this.timer && this.timer.dueAtMs <= dueAtMs) return;
    if (this.timer) clearTimeout(this.timer.handle);
    const handle = setTimeout(() => {
      this.timer = null;
      this.gate.tick(this.now());
      this.lookIn(this.gate.nextTickMs(this.now()));
    }, waitMs);
    // It keeps nothing alive: whoever waits does.
    handle.unref();
    this.timer = { handle, dueAtMs };
  }
}
