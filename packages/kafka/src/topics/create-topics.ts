import type { Admin, ITopicConfig } from 'kafkajs';
import { sleep } from '../backoff.js';

// The controller answers before the brokers have heard of a topic; that takes some ms, more under load.
const VISIBLE_WITHIN_MS = 15_000;

/** Creates topics and resolves when they can be used. One that exists already is left as it is. */
export async function createTopics(admin: Admin, topics: ITopicConfig[]): Promise<void> {
  // kafkajs's own wait fails when a broker does not know the topic yet.
  await admin.createTopics({ topics, waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  const endMs = Date.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    try {
      const { topics: seen } = await admin.fetchTopicMetadata({ topics: names });
      if (
        seen.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0))
      )
        return;
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
    if (Date.now() > endMs) throw new Error(`no leaders within ${VISIBLE_WITHIN_MS} ms: ${names.join(', ')}`);
    await sleep(50);
  }
}
