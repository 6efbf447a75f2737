import type { Logger } from './logger.js';

// Longer than a consumer's drain (10 s) and a producer's flush (10 s) one after the other; shorter than the 30 s
// that Kubernetes gives before it kills.
const STOP_TIMEOUT_MS = 25_000;

// Ctrl-C reaches the whole process group, and whoever started us passes it on: that is one wish, not two.
const SAME_WISH_MS = 500;

/** Ends the process; a test passes its own. */
export type Exit = (code: number) => void;

/**
 * When a process stops and in which order.
 *
 *     running --stop()--> stopping (closers, last registered first) --all closed--> exit
 *        |                    |--25 s over--> exit 1
 *        |                    '--second signal, at least 0.5 s after the first--> exit at once
 *        '--uncaught error--> exit 1 at once
 *
 * What is opened later may use what was opened earlier, so closers run in the reverse order: the consumers drain while
 * the producer and the database still work, and the admin server, opened first, goes last.
 */
export class Lifecycle {
  private readonly closers: { what: string; close: () => unknown }[] = [];
  private readonly abort = new AbortController();

  constructor(
    private readonly log: Logger,
    private readonly exit: Exit,
  ) {}

  /** Aborted when the process begins to stop. */
  get stopping(): AbortSignal {
    return this.abort.signal;
  }

  /** Has `close` awaited when the process stops, before everything that was registered earlier. */
  onClose(what: string, close: () => unknown): void {
    this.closers.push({ what, close });
  }

  /** Closes everything, then exits; a closer that fails is logged, the others still run, and the code is 1. Later calls do nothing. */
  async stop(reason: string, exitCode: number): Promise<void> {
    if (this.abort.signal.aborted) return;
    this.log.info({ reason }, 'stopping');
    this.abort.abort();
    const deadline = setTimeout(() => {
      this.log.error({ waiting_for: this.closers.at(-1)?.what }, 'stop took too long');
      this.exit(1);
    }, STOP_TIMEOUT_MS);
    let code = exitCode;
    for (let closer = this.closers.at(-1); closer; closer = this.closers.at(-1)) {
      try {
        await closer.close();
        this.log.debug({ what: closer.what }, 'closed');
      } catch (err) {
        code = 1;
        this.log.error({ err, what: closer.what }, 'could not be closed');
      }
      this.closers.splice(this.closers.indexOf(closer), 1);
    }
    clearTimeout(deadline);
    this.log.info({ exit_code: code }, 'stopped');
    this.exit(code);
  }

  /** Stops on SIGTERM and SIGINT, exits at once on a second one, and exits 1 on an error that nobody caught. */
  listenToProcess(): void {
    let firstAt = 0;
    for (const [signal, number] of [
      ['SIGTERM', 15],
      ['SIGINT', 2],
    ] as const) {
      process.on(signal, () => {
        if (this.abort.signal.aborted) {
          if (performance.now() - firstAt >= SAME_WISH_MS) this.exit(128 + number);
          return;
        }
        firstAt = performance.now();
        void this.stop(signal, 0);
      });
    }
    process.on('uncaughtException', (err) => {
      this.log.fatal({ err }, 'uncaught error');
      this.exit(1);
    });
    process.on('unhandledRejection', (err) => {
      this.log.fatal({ err }, 'unhandled rejection');
      this.exit(1);
    });
  }
}
