import { LRUCache } from 'lru-cache';

// Each is the first failure of one receiver during a fault of the proxy; more of them tell nothing new.
const MAX_FAILING = 10_000;

/**
 * Tells a proxy that fails from a receiver that a proxy can't reach: it answers 502 in both cases.
 *
 * The first failure of a receiver is put down to the proxy. When the same receiver fails again, and the proxy has
 * served somebody since then, it is the receiver. Without this, one dead receiver would be a fault for ever, and hold
 * up its partition.
 */
export class ProxyWitness {
  /** Receivers that have failed, and when first. */
  private readonly failing = new LRUCache<string, number>({ max: MAX_FAILING });
  private servedAtMs = -Infinity;
  private faultSinceMs: number | null = null;

  constructor(private readonly nowMs: () => number) {}

  /** For how long it has failed without having served anybody, ms; null while it works. */
  get faultMs(): number | null {
    return this.faultSinceMs === null ? null : this.nowMs() - this.faultSinceMs;
  }

  /** A tunnel to a receiver stands. */
  served(receiver: string): void {
    this.failing.delete(receiver);
    this.servedAtMs = this.nowMs();
    this.faultSinceMs = null;
  }

  /** The proxy itself could not be reached. */
  unreached(): void {
    this.faultSinceMs ??= this.nowMs();
  }

  /** Whom to blame for a tunnel that the proxy did not make. */
  blames(receiver: string): 'proxy' | 'receiver' {
    const failedAtMs = this.failing.get(receiver);
    if (failedAtMs !== undefined && this.servedAtMs > failedAtMs) {
      // Forgotten, so that its next failure is not blamed on it by what was served long before.
      this.failing.delete(receiver);
      return 'receiver';
    }
    if (failedAtMs === undefined) this.failing.set(receiver, this.nowMs());
    this.unreached();
    return 'proxy';
  }
}
