import { PoisonRecordError } from '@dits/contracts';
import type { KnownWebhooks } from '@dits/domain';
import type { Codec, IncomingRecord } from '@dits/kafka';

interface LearnDeps {
  table: KnownWebhooks;
  decode: Codec['decode'];
  log: { error(facts: object, message: string): void };
}

/**
 * Brings a record of `dits.webhooks` into the table. Rejects with `RegistryFault` when it can't be decoded for now.
 *
 * Only the API writes that topic. Should one of its records be unreadable, its webhook stays as it was: passing the
 * record over holds up nobody else.
 */
export async function learnWebhook(record: IncomingRecord, { table, decode, log }: LearnDeps): Promise<void> {
  const webhookId = record.key?.toString() ?? '';
  if (record.value === null) {
    table.apply({ webhook_id: webhookId, deleted: true });
    return;
  }
  try {
    const decoded = await decode(record.value);
    if (decoded.name !== 'webhook') {
      throw new PoisonRecordError('wrong_type', `a ${decoded.name} record among the webhooks`);
    }
    table.apply(decoded.record);
  } catch (error) {
    if (!(error instanceof PoisonRecordError)) throw error;
    const { reason, message } = error;
    log.error(
      { webhook_id: webhookId, offset: String(record.offset), reason, error: message },
      'webhook.unreadable',
    );
  }
}
