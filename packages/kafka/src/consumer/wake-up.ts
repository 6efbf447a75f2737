/** Lets one loop wait until there is something to do. */
export class WakeUp {
  private end: (() => void) | null = null;
  private isWoken = false;

  /** Ends the wait, or the next one when nobody waits. */
  wake(): void {
    if (this.end) this.end();
    else this.isWoken = true;
  }

  /** Resolves at the next `wake()`, at the latest after `ms`. */
  wait(ms: number): Promise<void> {
    if (this.isWoken) {
      this.isWoken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.end = (): void => {
        clearTimeout(timer);
        this.end = null;
        resolve();
      };
      const timer = setTimeout(this.end, ms);
    });
  }
}
