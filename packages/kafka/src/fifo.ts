/**
 * A queue that keeps nothing of what has left it.
 *
 * A record that is referred to for seconds after it was handled survives the collections of the young generation; then the buffers it
 * came in are freed by a full collection only, and those become frequent.
 */
export class Fifo<T> {
  // Those before `head` have left.
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  /** The one that is next; undefined when there is none. */
  get first(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Takes the one that is next; undefined when there is none. */
  shift(): T | undefined {
    const item = this.items[this.head];
    if (this.length > 0) this.items[this.head++] = undefined;
    if (this.length === 0 || (this.head > 1024 && this.head * 2 > this.items.length)) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  /** Takes all. */
  drain(): T[] {
    const all = this.items.slice(this.head) as T[];
    this.items = [];
    this.head = 0;
    return all;
  }
}
