/**
 * Answers many callers with few requests, each with one that was sent after the call.
 *
 * A caller who comes while a request is under way may have caused what that request no longer sees; such callers wait
 * together for the next one, which is sent when the one under way ends.
 */
export class SharedRequest<T> {
  private underWay: Promise<T> | null = null;
  private next: Promise<T> | null = null;

  constructor(private readonly send: () => Promise<T>) {}

  ask(): Promise<T> {
    if (!this.underWay) return this.begin();
    this.next ??= this.underWay.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  private begin(): Promise<T> {
    this.next = null;
    const request = this.send();
    this.underWay = request;
    const ended = (): void => {
      if (this.underWay === request) this.underWay = null;
    };
    request.then(ended, ended);
    return request;
  }
}
