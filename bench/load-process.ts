/** A load in a process of its own. It posts events to the gateway, or produces them to Kafka, and says when each was sent. */
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { Agent } from 'undici';
import type { LoadOrder, Post } from './load-order.ts';
import { produceEvents } from './produce-events.ts';
import { pushEvent } from './push-event.ts';

const now = (): number => performance.timeOrigin + performance.now();

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.on('message', (order: LoadOrder) => {
    run(order).then(
      (posts) => process.send!({ kind: 'posts', posts }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send!({ kind: 'ready' });
}

async function run(order: LoadOrder): Promise<Post[]> {
  const { pace } = order;
  switch (pace.kind) {
    case 'open':
      return openLoop(order, pace.ratePerSecond);
    case 'closed':
      return closedLoop(order, pace);
    case 'kafka':
      return produceEvents(order, pace, now);
  }
}

/** A steady rate, whatever the answers do. */
async function openLoop(order: LoadOrder, ratePerSecond: number): Promise<Post[]> {
  const { events } = order;
  const poster = new Poster(order, 64);
  const startedAt = now();
  const posts: Promise<Post[]>[] = [];
  for (let i = 0; i < events; i++) {
    const waitMs = startedAt + (i * 1000) / ratePerSecond - now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    posts.push(poster.post(i, 1));
  }
  const done = (await Promise.all(posts)).flat();
  await poster.close();
  return done;
}

/** As fast as it is answered. */
async function closedLoop(
  order: LoadOrder,
  { inFlight, batch }: { inFlight: number; batch: number },
): Promise<Post[]> {
  const { events } = order;
  const poster = new Poster(order, inFlight);
  const posts: Post[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < events) {
      const first = next;
      const count = Math.min(batch, events - first);
      next += count;
      for (const post of await poster.post(first, count)) posts.push(post);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  await poster.close();
  return posts;
}

class Poster {
  private readonly agent: Agent;
  private readonly order: LoadOrder;
  private readonly headers: Record<string, string>;

  constructor(order: LoadOrder, connections: number) {
    this.order = order;
    this.agent = new Agent({ connections, pipelining: 1 });
    this.headers = { 'content-type': 'application/json', authorization: `Bearer ${order.token}` };
  }

  post(first: number, count: number): Promise<Post[]> {
    const { gateway, repositoryIds } = this.order;
    const ids = Array.from({ length: count }, () => randomUUID());
    const events = ids.map((eventId, n) => {
      const i = first + n;
      return pushEvent({ repositoryId: repositoryIds[i % repositoryIds.length]!, i, eventId });
    });
    const body = JSON.stringify(count === 1 ? events[0] : events);
    const sentAtMs = now();
    // By `dispatch` and without the answer's body: the cheapest client there is, since it shares two cores with the measured.
    return new Promise((resolve, reject) => {
      let status = 0;
      this.agent.dispatch(
        { origin: gateway, method: 'POST', path: '/v1/events', headers: this.headers, body },
        {
          onRequestStart() {},
          onResponseStart(_controller, statusCode) {
            status = statusCode;
          },
          onResponseData() {},
          onResponseEnd() {
            const answeredAtMs = now();
            resolve(ids.map((eventId) => ({ eventId, sentAtMs, answeredAtMs, status })));
          },
          onResponseError(_controller, error) {
            reject(error);
          },
        },
      );
    });
  }

  close(): Promise<void> {
    return this.agent.close();
  }
}
