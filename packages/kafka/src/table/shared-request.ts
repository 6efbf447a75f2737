/**
 * Answers many callers with few requests, each with one that was sent after the call.
 *
 * A caller who comes while a request is under way may have caused what that request no longer sees; such callers wait
 * together for the next one, which is sent when the one under way ends.
 */
export class SharedRequest<T> {
  private underWay: Promise<T> | null = null;
  private next: Promise<T> | null = null;
  private latest: { sentAtMs: number; answer: Promise<T> } | null = null;

  /** @param now ms; one that is never set back, or an answer would be taken for a new one. */
  constructor(
    private readonly send: () => Promise<T>,
    private readonly now: () => number,
  ) {}

  /** @param maxAgeMs A request that was sent so long ago does as well, under way or answered. Default 0: none but a new one. */
  ask(maxAgeMs = 0): Promise<T> {
    const { latest } = this;
    if (maxAgeMs > 0 && latest && this.now() - latest.sentAtMs <= maxAgeMs) return latest.answer;
    if (!this.underWay) return this.begin();
    this.next ??= this.underWay.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  private begin(): Promise<T> {
    this.next = null;
    const sentAtMs = this.now();
    const request = this.send();
    this.underWay = request;
    this.latest = { sentAtMs, answer: request };
    const ended = (): void => {
      if (this.underWay === request) this.underWay = null;
    };
    request.then(ended, () => {
      ended();
      if (this.latest?.answer === request) this.latest = null;
    });
    return request;
  }
}
