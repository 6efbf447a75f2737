import type { DatabaseLog } from './database.js';

export interface TokenUsesOptions {
  /** Where uses are noted; a `TokenStore` fits. */
  tokens: { touchAll(uses: ReadonlyMap<string, Date>): Promise<void> };
  log: DatabaseLog;
}

// The time of the last use is to the minute: more would be a write for each request.
const NOTE_EVERY_MS = 60_000;
// One statement for all tokens used within it.
const BATCH_MS = 2_000;

/**
 * Notes when tokens were used: in batches, beside the requests, at most once a minute for each token. What could not be
 * written is tried again with the next batch.
 */
export class TokenUses {
  private readonly notedAtMs = new Map<string, number>();
  private waiting = new Map<string, Date>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly o: TokenUsesOptions) {}

  /** Notes a use, without I/O. */
  note(id: string, nowMs: number): void {
    if (nowMs - (this.notedAtMs.get(id) ?? -Infinity) < NOTE_EVERY_MS) return;
    this.notedAtMs.set(id, nowMs);
    this.waiting.set(id, new Date(nowMs));
    this.flushSoon();
  }

  /** Writes what waits. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.waiting.size === 0) return;
    const uses = this.waiting;
    this.waiting = new Map();
    try {
      await this.o.tokens.touchAll(uses);
    } catch (error) {
      this.o.log.warn({ tokens: uses.size, error: (error as Error).message }, 'tokens.uses_not_noted');
      this.waiting = new Map([...uses, ...this.waiting]);
      this.flushSoon();
    }
  }

  /** Writes what waits, a last time. */
  async stop(): Promise<void> {
    await this.flush();
    clearTimeout(this.timer);
  }

  private flushSoon(): void {
    this.timer ??= setTimeout(() => void this.flush(), BATCH_MS).unref();
  }
}
