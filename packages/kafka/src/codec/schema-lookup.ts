import { RegistryFault } from '@dits/contracts';
import { LRUCache } from 'lru-cache';
import { Backoff } from '../backoff.js';
import { errorText } from '../error-text.js';
import type { Log } from '../log.js';
import type { FoundSchema, Registry } from './registry.js';

// A garbled id is a number out of four billion: what is remembered of them is bounded.
const MAX_REMEMBERED = 10_000;
const MAX_AT_ONCE = 4;

export interface SchemaLookupOptions {
  registry: Pick<Registry, 'find'>;
  log: Log;
  /** How long an unknown or unreadable schema is taken as such without asking again. */
  negativeTtlMs: number;
  now: () => number;
}

interface Negative {
  found: FoundSchema;
  untilMs: number;
}

interface Failed {
  fault: RegistryFault;
  backoff: Backoff;
  untilMs: number;
}

/**
 * Looks schemas up by id, sparing the registry.
 *
 * One request per id at a time, four in all; when one fails, those that wait for their turn fail with it, unasked. "Unknown" is believed for `negativeTtlMs`. After a failure the same id is
 * not asked for again for 200 ms doubling to 5 s; meanwhile callers get the last failure at once.
 */
export class SchemaLookup {
  private readonly underWay = new Map<number, Promise<FoundSchema>>();
  private readonly negative = new LRUCache<number, Negative>({ max: MAX_REMEMBERED });
  private readonly failed = new LRUCache<number, Failed>({ max: MAX_REMEMBERED });
  private atOnce = 0;
  private readonly queued: { enter: () => void; fail: (fault: RegistryFault) => void }[] = [];

  constructor(private readonly options: SchemaLookupOptions) {}

  /** Throws {@link RegistryFault}. The caller keeps what was found. */
  find(id: number): Promise<FoundSchema> {
    const nowMs = this.options.now();
    const negative = this.negative.get(id);
    if (negative && negative.untilMs > nowMs) return Promise.resolve(negative.found);
    const failed = this.failed.get(id);
    if (failed && failed.untilMs > nowMs) return Promise.reject(failed.fault);
    let request = this.underWay.get(id);
    if (!request) {
      request = this.request(id).finally(() => this.underWay.delete(id));
      this.underWay.set(id, request);
    }
    return request;
  }

  private async request(id: number): Promise<FoundSchema> {
    const { registry, log, negativeTtlMs, now } = this.options;
    await this.enter();
    try {
      const found = await registry.find(id);
      this.failed.delete(id);
      if (found.kind !== 'avro') this.negative.set(id, { found, untilMs: now() + negativeTtlMs });
      return found;
    } catch (error) {
      const fault =
        error instanceof RegistryFault ? error : new RegistryFault(errorText(error), { cause: error });
      const backoff = this.failed.get(id)?.backoff ?? new Backoff(200, 5000);
      const waitMs = backoff.next();
      this.failed.set(id, { fault, backoff, untilMs: now() + waitMs });
      log.warn({ schema_id: id, error: fault.message, retry_in_ms: waitMs }, 'registry.lookup_failed');
      // With a registry that hangs, hundreds of ids in a row would be hundreds of deadlines.
      for (const waiting of this.queued.splice(0)) waiting.fail(fault);
      throw fault;
    } finally {
      this.leave();
    }
  }

  private async enter(): Promise<void> {
    if (this.atOnce < MAX_AT_ONCE) this.atOnce++;
    else await new Promise<void>((enter, fail) => this.queued.push({ enter, fail }));
  }

  private leave(): void {
    const next = this.queued.shift();
    if (next) next.enter();
    else this.atOnce--;
  }
}
