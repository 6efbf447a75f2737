import { setMaxListeners } from 'node:events';

// Enough for a fast receiver, few enough for a small one: what the design promises.
const DEFAULT_LIMIT = 16;

interface Lane {
  inFlight: number;
  limit: () => number;
  /** What lets each one in, in order of arrival. */
  waiting: Set<() => void>;
}

/**
 * Bounds the requests in flight: per webhook, and in the process.
 *
 * Per webhook, first come first served. When the process has a place free, the webhooks that wait and are below their
 * own limit take turns, so that one with a long queue takes no more places than one with a short queue.
 */
export class DeliveryGate {
  private readonly lanes = new Map<string, Lane>();
  /** Webhooks that wait and are below their own limit, in the order of their turns. */
  private readonly ready = new Set<string>();
  private total = 0;
  private totalWaiting = 0;

  constructor(private readonly options: { maxInFlight: number }) {}

  /** Requests in flight. */
  get inFlight(): number {
    return this.total;
  }

  /** Deliveries that wait for a place. */
  get waiting(): number {
    return this.totalWaiting;
  }

  /**
   * Resolves when a request to the webhook may begin, with the function to call, once, when it has ended.
   * Rejects with the signal's reason when that aborts first. `limit` is asked at every decision; absent: 16.
   */
  async enter(o: {
    webhookId: string;
    limit: () => number | null | undefined;
    signal: AbortSignal;
  }): Promise<() => void> {
    const { webhookId, signal } = o;
    signal.throwIfAborted();
    const lane = this.laneOf(webhookId);
    lane.limit = () => Math.max(1, o.limit() ?? DEFAULT_LIMIT);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        lane.waiting.delete(letIn);
        this.totalWaiting -= 1;
        this.update(webhookId, lane);
        reject(signal.reason as Error);
      };
      const letIn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      // All records of an assignment may share one signal: thousands of listeners are no leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', onAbort, { once: true });
      lane.waiting.add(letIn);
      this.totalWaiting += 1;
      this.update(webhookId, lane);
      this.admit();
    });
    return () => {
      lane.inFlight -= 1;
      this.total -= 1;
      this.update(webhookId, lane);
      this.admit();
    };
  }

  private admit(): void {
    while (this.total < this.options.maxInFlight) {
      const [webhookId] = this.ready;
      if (webhookId === undefined) return;
      // Out, and in again at the end while more wait: that is the turn.
      this.ready.delete(webhookId);
      const lane = this.laneOf(webhookId);
      const letIn = lane.waiting.values().next().value!;
      lane.waiting.delete(letIn);
      lane.inFlight += 1;
      this.total += 1;
      this.totalWaiting -= 1;
      letIn();
      this.update(webhookId, lane);
    }
  }

  private update(webhookId: string, lane: Lane): void {
    if (lane.waiting.size > 0 && lane.inFlight < lane.limit()) this.ready.add(webhookId);
    else this.ready.delete(webhookId);
    if (lane.waiting.size === 0 && lane.inFlight === 0) this.lanes.delete(webhookId);
  }

  private laneOf(webhookId: string): Lane {
    let lane = this.lanes.get(webhookId);
    if (!lane) {
      lane = { inFlight: 0, limit: () => DEFAULT_LIMIT, waiting: new Set() };
      this.lanes.set(webhookId, lane);
    }
    return lane;
  }
}
