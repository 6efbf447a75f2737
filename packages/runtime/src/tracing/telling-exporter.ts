import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger.js';

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

// Long enough that an outage does not fill the log, short enough that somebody who looks finds it.
const TELL_EVERY_MS = 60_000;

/** Says that spans could not be sent, once a minute, and drops them: traces are worth no memory. */
export class TellingExporter implements SpanExporter {
  private toldAtMs = -Infinity;
  private lost = 0;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly o: { log: Pick<Logger, 'warn'>; now: () => number },
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.exporter.export(spans, (result) => {
      if (result.code) this.tell(spans.length, result.error);
      // Told here; the SDK would say it again at each batch.
      done({ code: 0 });
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  private tell(spans: number, error: Error | undefined): void {
    this.lost += spans;
    const nowMs = this.o.now();
    if (nowMs - this.toldAtMs < TELL_EVERY_MS) return;
    this.o.log.warn({ spans: this.lost, error: error?.message }, 'traces.not_sent');
    this.toldAtMs = nowMs;
    this.lost = 0;
  }
}
