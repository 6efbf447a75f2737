import { sleep } from '../backoff.js';

/** Lets one loop wait until there is something to do. */
export class WakeUp {
  private waker = new AbortController();

  /** Ends the wait, or the next one when nobody waits. */
  wake(): void {
    this.waker.abort();
  }

  /** Resolves at the next `wake()`, at the latest after `ms`. */
  async wait(ms: number): Promise<void> {
    await sleep(ms, this.waker.signal);
    if (this.waker.signal.aborted) this.waker = new AbortController();
  }
}
