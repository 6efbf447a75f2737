import { startTopicTable, type Codec, type KafkaConnection } from '@dits/kafka';
import { sealKeyId } from '@dits/signing';
import { PoisonRecordError, type WebhookSnapshot } from '@dits/contracts';
import type { Logger } from '@dits/runtime';

/** What `dits.webhooks` holds for a webhook now: how many values each key has sealed. */
export type KeysOfWebhooks = Map<string, Map<string, number>>;

/**
 * Reads `dits.webhooks` from its start to its end, and tells of each webhook's newest snapshot by which keys its values
 * are sealed. What a later snapshot or a tombstone has replaced is not counted: compaction takes it away. A record that
 * can't be read is passed over, as router and dispatcher do.
 */
export async function readKeysOfTopic(o: {
  kafka: KafkaConnection;
  codec: Pick<Codec, 'decode'>;
  topic: string;
  log: Logger;
  signal?: AbortSignal | undefined;
}): Promise<KeysOfWebhooks> {
  const { kafka, codec, topic, log, signal } = o;
  const found: KeysOfWebhooks = new Map();
  const table = await startTopicTable({
    kafka,
    log,
    topic,
    groupId: `${topic}-keys`,
    ...(signal && { signal }),
    async apply({ key, value }) {
      const webhookId = key?.toString() ?? '';
      if (value === null) {
        found.delete(webhookId);
        return;
      }
      try {
        const decoded = await codec.decode(value);
        if (decoded.name === 'webhook') found.set(webhookId, keysOf(decoded.record));
      } catch (error) {
        if (!(error instanceof PoisonRecordError)) throw error;
      }
    },
  });
  await table.stop();
  return found;
}

function keysOf({ secrets, headers, signing_keys }: WebhookSnapshot): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { sealed } of [...secrets, ...(headers ?? []), ...(signing_keys ?? [])]) {
    const keyId = sealKeyId(sealed) ?? '';
    counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
  }
  return counts;
}
