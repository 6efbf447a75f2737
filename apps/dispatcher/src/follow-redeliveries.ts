import { PoisonRecordError } from '@dits/contracts';
import { startTopicTable, type Codec, type IncomingRecord } from '@dits/kafka';
import type { CommonConfig, Runtime } from '@dits/runtime';
import type { AttemptDeps } from './attempt-delivery.js';
import { RedeliveryTable } from './redelivery-table.js';

/** Reads `dits.redeliveries` from its start, then follows it. Resolves when all that was there is known. */
export async function followRedeliveries(
  runtime: Runtime<CommonConfig>,
  codec: Pick<Codec, 'decode'>,
): Promise<AttemptDeps['redeliveries']> {
  const { name, config, kafka, log, now, stopping, topics } = runtime;
  const table = new RedeliveryTable(now);
  const groupId = `${config.topicPrefix}dits-${name}-redeliveries`;
  const topic = await runtime.waitFor('the redeliveries', () =>
    startTopicTable({
      kafka,
      log,
      topic: topics.redeliveries,
      groupId,
      apply: (record) => learnRedelivery(record, { table, decode: (value) => codec.decode(value), log }),
      signal: stopping,
    }),
  );
  runtime.onClose('redeliveries', () => topic.stop());
  runtime.stalls.watch(groupId, () => topic.health());
  runtime.health.register('redeliveries', () => {
    const { joined, faultSinceMs } = topic.health();
    return { ok: joined && faultSinceMs === null, detail: { redeliveries: table.size } };
  });
  return { newestOf: (deliveryId) => table.newestOf(deliveryId), catchUp: () => topic.catchUp() };
}

/**
 * Brings a record of `dits.redeliveries` into the table. Rejects with `RegistryFault` when it can't be decoded for now.
 *
 * Only the API writes that topic. Should one of its records be unreadable, the attempt that waits is made beside the
 * redelivery's: passing the record over harms no other delivery.
 */
export async function learnRedelivery(
  record: IncomingRecord,
  o: {
    table: RedeliveryTable;
    decode: Codec['decode'];
    log: { error(facts: object, message: string): void };
  },
): Promise<void> {
  if (record.value === null) return;
  try {
    const decoded = await o.decode(record.value);
    if (decoded.name !== 'redelivery') {
      throw new PoisonRecordError('wrong_type', `a ${decoded.name} record among the redeliveries`);
    }
    o.table.apply(decoded.record.delivery_id, decoded.record.redelivered_at_ms);
  } catch (error) {
    if (!(error instanceof PoisonRecordError)) throw error;
    const { reason, message } = error;
    o.log.error({ offset: String(record.offset), reason, error: message }, 'redelivery.unreadable');
  }
}
