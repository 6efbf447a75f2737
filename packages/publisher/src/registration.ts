import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryFault } from '@dits/contracts';
import type { Log } from '@dits/kafka';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5000;

/** Registers the schemas until the registry has taken them. */
export class Registration {
  private readonly stopped = new AbortController();
  /** Why they are not registered; undefined when they are. */
  problem: RegistryFault | undefined = new RegistryFault('the schema registry has not answered yet');

  constructor(private readonly deps: { register(): Promise<void>; log: Log }) {}

  /** Resolves after the first try; the others follow by themselves. */
  async start(): Promise<void> {
    await this.tryOnce();
    if (this.problem) void this.goOn();
  }

  /** No more tries. */
  stop(): void {
    this.stopped.abort();
  }

  private async goOn(): Promise<void> {
    for (let waitMs = FIRST_WAIT_MS; this.problem; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      await sleep(waitMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
      if (this.stopped.signal.aborted) return;
      await this.tryOnce();
    }
    this.deps.log.info({}, 'publisher.registered');
  }

  private async tryOnce(): Promise<void> {
    try {
      await this.deps.register();
      this.problem = undefined;
    } catch (error) {
      this.problem =
        error instanceof RegistryFault ? error : new RegistryFault(String(error), { cause: error });
      this.deps.log.warn({ error: this.problem.message }, 'publisher.not_registered');
    }
  }
}
