import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckedEvent } from './check-event.js';

/** What an {@link Outbox} needs. */
export interface OutboxOptions {
  /** Sends all, in their order. One entry each: undefined when it is durable, else why it is not known to be. */
  send(events: CheckedEvent[]): Promise<(Error | undefined)[]>;
  maxEvents: number;
  maxBytes: number;
  deadlineMs: number;
  now(): number;
}

/** An event that waits or is under way. */
interface Unsent {
  event: CheckedEvent;
  /** When it got within the bound; its deadline counts from then. */
  addedAtMs: number;
  settled: Promise<Error | undefined>;
  settle: (error?: Error) => void;
}

// Below what the producer takes as one request: a request succeeds or fails as a whole, which keeps the order.
const BATCH = { events: 500, bytes: 800_000 };
const OVERHEAD_BYTES = 128;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1000;

/**
 * Events on their way, in the order they came, within a bound. Lists may be longer: what has no room yet waits outside.
 *
 * ```
 *             add()              send() says durable
 *   (refused) -----> waiting -------------------------> settled
 *                    ^ ^   |  it fails, and the deadline is past: settled with the failure
 *   addAll()         | `---'  it fails: sent again, with all behind it, after a wait
 *     `--> outside --'
 * ```
 * One request is under way at a time, so a repeat never overtakes what came after. A repeat may send again what had
 * arrived; its `event_id` is the same.
 */
export class Outbox {
  private waiting: Unsent[] = [];
  private bytes = 0;
  private readonly outside: Unsent[] = [];
  private pumping = false;

  constructor(private readonly options: OutboxOptions) {}

  /** What waits within the bound or is under way. */
  get size(): { events: number; bytes: number } {
    return { events: this.waiting.length, bytes: this.bytes };
  }

  /** Takes an event; false when there is no room. Settles it when it is durable, or with the last failure at its deadline. */
  add(event: CheckedEvent): Promise<Error | undefined> | false {
    if (this.outside.length > 0 || !this.hasRoom(event)) return false;
    const unsent = unsentOf(event);
    this.enter(unsent);
    return unsent.settled;
  }

  /** Takes a list of any length. Resolves when all are settled, with what each was settled with. */
  addAll(events: CheckedEvent[]): Promise<(Error | undefined)[]> {
    const list = events.map(unsentOf);
    // Not spread: a list may be longer than a call takes arguments.
    for (const unsent of list) this.outside.push(unsent);
    this.letIn();
    return Promise.all(list.map(({ settled }) => settled));
  }

  /** Resolves when everything that is in or outside now is settled. */
  async flush(): Promise<void> {
    await Promise.all([...this.waiting, ...this.outside].map(({ settled }) => settled));
  }

  /** An empty outbox takes anything. */
  private hasRoom({ jsonBytes }: CheckedEvent): boolean {
    if (this.waiting.length === 0) return true;
    const { maxEvents, maxBytes } = this.options;
    return this.waiting.length < maxEvents && this.bytes + jsonBytes + OVERHEAD_BYTES <= maxBytes;
  }

  private enter(unsent: Unsent): void {
    unsent.addedAtMs = this.options.now();
    this.waiting.push(unsent);
    this.bytes += unsent.event.jsonBytes + OVERHEAD_BYTES;
    if (this.pumping) return;
    this.pumping = true;
    void this.pump();
  }

  private letIn(): void {
    let count = 0;
    for (const unsent of this.outside) {
      if (!this.hasRoom(unsent.event)) break;
      this.enter(unsent);
      count++;
    }
    this.outside.splice(0, count);
  }

  private async pump(): Promise<void> {
    // What is added in this turn of the event loop shares the first request.
    await Promise.resolve();
    let waitMs = FIRST_WAIT_MS;
    while (this.waiting.length > 0) {
      const batch = this.nextBatch();
      const failures = await this.trySend(batch.map(({ event }) => event));
      const failed = batch.filter((_, i) => failures[i] !== undefined);
      this.leave(batch.filter((_, i) => failures[i] === undefined));
      if (failed.length === 0) {
        waitMs = FIRST_WAIT_MS;
        continue;
      }
      const dueMs = this.options.now() - this.options.deadlineMs;
      const last = failures.find((failure) => failure !== undefined);
      this.leave(
        this.waiting.filter(({ addedAtMs }) => addedAtMs <= dueMs),
        last,
      );
      if (this.waiting.length === 0) break;
      await sleep(waitMs);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
    // In the same turn as the last look at what waits: an event added between would wait for ever.
    this.pumping = false;
  }

  private async trySend(events: CheckedEvent[]): Promise<(Error | undefined)[]> {
    try {
      return await this.options.send(events);
    } catch (error) {
      return events.map(() => error as Error);
    }
  }

  private nextBatch(): Unsent[] {
    let bytes = 0;
    const end = this.waiting.findIndex(({ event }, i) => {
      bytes += event.jsonBytes + OVERHEAD_BYTES;
      return i >= BATCH.events || (i > 0 && bytes > BATCH.bytes);
    });
    return end < 0 ? [...this.waiting] : this.waiting.slice(0, end);
  }

  private leave(gone: Unsent[], error?: Error): void {
    if (gone.length === 0) return;
    const those = new Set(gone);
    this.waiting = this.waiting.filter((unsent) => !those.has(unsent));
    for (const { event, settle } of gone) {
      this.bytes -= event.jsonBytes + OVERHEAD_BYTES;
      settle(error);
    }
    this.letIn();
  }
}

function unsentOf(event: CheckedEvent): Unsent {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  return { event, addedAtMs: 0, settled: promise, settle: resolve };
}
