import type { KnownWebhooks } from '@dits/domain';
import { startTopicTable, type Codec } from '@dits/kafka';
import type { CommonConfig } from './common-config.js';
import { learnWebhook } from './learn-webhook.js';
import type { Runtime } from './runtime.js';

/** A table of webhooks that is kept up to date. */
export interface FollowedWebhooks {
  /** Resolves when the table holds every webhook that was on `dits.webhooks` when it was called, to a mark of how far that is; or that was there `maxAgeMs` before. */
  catchUp: (maxAgeMs?: number) => Promise<string>;
  /** Resolves when the table holds every webhook before a mark. */
  catchUpTo: (mark: string) => Promise<void>;
}

/**
 * Reads `dits.webhooks` from its start, then follows it. Resolves when `table` has them all; its health check is
 * `webhooks`, and it is closed at the stop.
 */
export async function followWebhooks(
  runtime: Runtime<CommonConfig>,
  codec: Pick<Codec, 'decode'>,
  table: KnownWebhooks,
): Promise<FollowedWebhooks> {
  const { name, config, kafka, log, stopping, topics } = runtime;
  const decode: Codec['decode'] = (value) => codec.decode(value);
  const groupId = `${config.topicPrefix}dits-${name}-webhooks`;
  const topic = await runtime.waitFor('the webhooks', () =>
    startTopicTable({
      kafka,
      log,
      topic: topics.webhooks,
      groupId,
      apply: (record) => learnWebhook(record, { table, decode, log }),
      signal: stopping,
    }),
  );
  runtime.onClose('webhooks', () => topic.stop());
  runtime.stalls.watch(groupId, () => topic.health());
  runtime.health.register('webhooks', () => {
    const { joined, faultSinceMs } = topic.health();
    return { ok: joined && faultSinceMs === null, detail: { webhooks: table.size } };
  });
  return {
    catchUp: (maxAgeMs) => topic.catchUp(maxAgeMs),
    catchUpTo: (mark) => topic.catchUpTo(mark),
  };
}
