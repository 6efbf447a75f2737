import { randomUUID } from 'node:crypto';
import { createPublisher } from '@dits/publisher';
import type { LoadOrder, Post } from './load-order.ts';
import { pushEvent } from './push-event.ts';

const AT_ONCE = 500;

/** Produces events with the publisher, as fast as Kafka takes them. */
export async function produceEvents(
  { events, repositoryIds }: LoadOrder,
  where: { kafka: string; registry: string; topicPrefix: string },
  now: () => number,
): Promise<Post[]> {
  const publisher = await createPublisher({
    brokers: [where.kafka],
    registryUrl: where.registry,
    topicPrefix: where.topicPrefix,
    clientId: 'dits-bench',
  });
  const posts: Post[] = [];
  for (let first = 0; first < events; first += AT_ONCE) {
    const sentAtMs = now();
    const ids = Array.from({ length: Math.min(AT_ONCE, events - first) }, () => randomUUID());
    const inputs = ids.map((eventId, n) =>
      pushEvent({ repositoryId: repositoryIds[(first + n) % repositoryIds.length]!, i: first + n, eventId }),
    );
    await publisher.publishAll(inputs);
    const answeredAtMs = now();
    for (const eventId of ids) posts.push({ eventId, sentAtMs, answeredAtMs, status: 202 });
  }
  await publisher.close();
  return posts;
}
