/** Remembers since when which part does not work. */
export class Faults {
  private readonly since = new Map<string, number>();

  constructor(private readonly now: () => number) {}

  set(part: string): void {
    if (!this.since.has(part)) this.since.set(part, this.now());
  }

  clear(part: string): void {
    this.since.delete(part);
  }

  /** Start of the oldest fault, null when there is none. */
  get sinceMs(): number | null {
    return this.since.size === 0 ? null : Math.min(...this.since.values());
  }
}
