/**
 * Who waits, in order of arrival; but who comes `ahead` stands before all who did not, in order among themselves.
 *
 * To come, to be next and to go away take the same time however many wait.
 */
export class WaitingLine<T> {
  private readonly ahead = new Line<T>();
  private readonly others = new Line<T>();

  get size(): number {
    return this.ahead.size + this.others.size;
  }

  /** The one whose turn it is. */
  get first(): T | undefined {
    return this.ahead.size > 0 ? this.ahead.first : this.others.first;
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
    return [...this.others.fromTheEnd(), ...this.ahead.fromTheEnd()];
  }
}

interface Place<T> {
  one: T;
  before: Place<T> | null;
  after: Place<T> | null;
}

/** A linked list. (A Set has the same order, but passes over all that have left it to find its first.) */
class Line<T> {
  private readonly places = new Map<T, Place<T>>();
  private head: Place<T> | null = null;
  private tail: Place<T> | null = null;

  get size(): number {
    return this.places.size;
  }

  get first(): T | undefined {
    return this.head?.one;
  }

  add(one: T): void {
    const place: Place<T> = { one, before: this.tail, after: null };
    if (this.tail) this.tail.after = place;
    else this.head = place;
    this.tail = place;
    this.places.set(one, place);
  }

  has(one: T): boolean {
    return this.places.has(one);
  }

  delete(one: T): boolean {
    const place = this.places.get(one);
    if (!place) return false;
    const { before, after } = place;
    if (before) before.after = after;
    else this.head = after;
    if (after) after.before = before;
    else this.tail = before;
    return this.places.delete(one);
  }

  *fromTheEnd(): Generator<T> {
    for (let place = this.tail; place; place = place.before) yield place.one;
  }
}
