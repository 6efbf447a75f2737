import { NOT_BEFORE_HEADER, type TopicNames } from '@dits/contracts';
import { parseTiers, SCHEDULE_SPAN_MS, type Tier } from '@dits/domain';
import type { IncomingRecord, OutgoingRecord } from '@dits/kafka';
import { histogram, messagingAttributes, traceContextOf, traceHeaders, type Tracing } from '@dits/runtime';

const latenessSeconds = histogram({
  name: 'dits_retry_lateness_seconds',
  help: 'From the time a delivery was due to its being back on dits.deliveries.',
  labelNames: ['tier'],
  // From one fetch to an outage of ours.
  buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
});

export interface HoldDeps {
  sendAll(records: OutgoingRecord[]): Promise<void>;
  topics: Pick<TopicNames, 'deliveries'>;
  tracing: Tracing;
  log: { info(facts: object, message: string): void };
  now(): number;
}

/**
 * When a record of a retry tier is due, ms since 1970: what its header says. A record without a header, or with one
 * that no schedule can have made, is due when its tier's delay has passed since it was written.
 *
 * The value is not looked at: a record that nobody can read is put back like the others, and dead-lettered there by
 * the dispatcher, which has to read it anyway. So the retrier goes on without the registry.
 */
export function dueAtMs({ topic, headers, timestampMs }: IncomingRecord): number {
  const notBefore = headers[NOT_BEFORE_HEADER]?.toString() ?? '';
  const notBeforeMs = /^\d{1,15}$/.test(notBefore) ? Number(notBefore) : Infinity;
  // A record due next year would hold up everything behind it.
  return notBeforeMs <= timestampMs + SCHEDULE_SPAN_MS ? notBeforeMs : timestampMs + tierOf(topic).delayMs;
}

/**
 * Puts due records back on `dits.deliveries`: key, value and headers as they are, but for the place in the trace. Resolves when they are durable; only
 * then may their offsets move.
 */
export async function putBack(records: IncomingRecord[], deps: HoldDeps): Promise<void> {
  const { topics, log } = deps;
  const spans = records.map((record) => holdSpan(record, deps));
  await deps.sendAll(
    records.map(({ key, value, headers }, i) => ({
      topic: topics.deliveries,
      key,
      value,
      headers: { ...headers, ...traceHeaders(spans[i]!.context) },
      timestampMs: deps.now(),
    })),
  );
  for (const span of spans) span.end();
  for (const record of records) {
    const tier = tierOf(record.topic).name;
    const lateMs = Math.max(0, deps.now() - dueAtMs(record));
    latenessSeconds.observe({ tier }, lateMs / 1000);
    log.info({ webhook_id: record.key?.toString(), tier, late_ms: lateMs }, 'delivery.put_back');
  }
}

/** From the time the record was put on its tier: what looks like a gap in the trace was waiting. */
function holdSpan({ topic, partition, offset, headers, timestampMs }: IncomingRecord, { tracing }: HoldDeps) {
  return tracing.span(`process ${topic}`, {
    kind: 'consumer',
    parent: traceContextOf(headers),
    startMs: timestampMs,
    attributes: () => ({
      ...messagingAttributes('process', { topic, partition, offset }),
      'dits.tier': tierOf(topic).name,
    }),
  });
}

/** The tier whose topic it is; the topic ends with its name. */
function tierOf(topic: string): Tier {
  return parseTiers(topic.slice(topic.lastIndexOf('.') + 1))[0]!;
}
