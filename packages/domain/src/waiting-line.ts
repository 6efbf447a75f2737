/** Who waits, in order of arrival; but who comes `ahead` stands before all who did not, in order among themselves. */
export class WaitingLine<T> {
  private readonly ahead = new Set<T>();
  private readonly others = new Set<T>();

  get size(): number {
    return this.ahead.size + this.others.size;
  }

  /** The one whose turn it is. */
  get first(): T | undefined {
    const [first] = this.ahead.size > 0 ? this.ahead : this.others;
    return first;
  }

  add(one: T, { ahead }: { ahead: boolean }): void {
    (ahead ? this.ahead : this.others).add(one);
  }

  has(one: T): boolean {
    return this.others.has(one) || this.ahead.has(one);
  }

  /** False when it did not wait. */
  delete(one: T): boolean {
    return this.others.delete(one) || this.ahead.delete(one);
  }

  /** All of them, the last first, as they stand now. */
  fromTheEnd(): T[] {
    return [...this.ahead, ...this.others].reverse();
  }
}
