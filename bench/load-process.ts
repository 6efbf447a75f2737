/** A load in a process of its own: posts events one a request at a steady rate, whatever the answers do (open loop). */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';

/** What the load is to do. */
export interface LoadOrder {
  gateway: string;
  token: string;
  repositoryIds: number[];
  ratePerSecond: number;
  events: number;
}

/** One post, in ms since 1970 with fractions. */
export interface Post {
  eventId: string;
  sentAtMs: number;
  answeredAtMs: number;
  status: number;
}

const now = (): number => performance.timeOrigin + performance.now();

process.on('message', (order: LoadOrder) => {
  void run(order).then((posts) => process.send!({ kind: 'posts', posts }));
});
process.on('disconnect', () => process.exit(0));
process.send!({ kind: 'ready' });

async function run({ gateway, token, repositoryIds, ratePerSecond, events }: LoadOrder): Promise<Post[]> {
  const dispatcher = new Agent({ connections: 64 });
  const startedAt = now();
  const posts: Promise<Post>[] = [];
  for (let i = 0; i < events; i++) {
    const waitMs = startedAt + (i * 1000) / ratePerSecond - now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    posts.push(post(i));
  }
  const done = await Promise.all(posts);
  await dispatcher.close();
  return done;

  async function post(i: number): Promise<Post> {
    const eventId = randomUUID();
    const id = repositoryIds[i % repositoryIds.length]!;
    const body = JSON.stringify({ ...pushEvent(id, i), event_id: eventId });
    const sentAtMs = now();
    const response = await request(`${gateway}/v1/events`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body,
    });
    const answeredAtMs = now();
    await response.body.dump();
    return { eventId, sentAtMs, answeredAtMs, status: response.statusCode };
  }
}

/** A push as a studio would send it: three commits, about 1.5 kB. */
function pushEvent(repositoryId: number, i: number): object {
  const author = { name: 'Octocat', email: 'octocat@example.com' };
  const commits = [0, 1, 2].map((n) => ({
    id: `${i}-${n}`.padEnd(40, '0'),
    message: `Grade scene ${i}.${n}\n\nWarmer skin, cooler shadows.`,
    author,
    timestamp: '2026-11-25T09:12:13Z',
    added: [`footage/scene-${i}/take-${n}.mov`],
    modified: [`grades/scene-${i}.cube`],
    removed: [],
  }));
  return {
    event: 'push',
    repository: {
      id: repositoryId,
      name: 'my-project',
      full_name: `user/my-project-${repositoryId}`,
      private: false,
    },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits,
    head_commit: commits[2],
    ref: 'refs/heads/main',
    forced: false,
    total_commits: 3,
  };
}
