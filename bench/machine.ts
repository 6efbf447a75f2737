import { Child } from './child.ts';
import { perThousand } from './statistics.ts';

/** How fast a machine is at this moment, by what no sender of webhooks can do without. */
export interface MachineSpeed {
  /** CPU seconds for 1,000 POSTs of 1.5 kB by undici alone, 32 in flight. */
  undici_cpu_s_per_1000: number;
  /** CPU seconds for 1,000 of them in a bare server of Node. */
  server_cpu_s_per_1000: number;
  posts_per_second: number;
}

const WARM_UP_POSTS = 30_000;
const POSTS = 30_000;
const BYTES = 1_500;

/** Measures it, in some 6 s. A shared machine's speed changes by the minute: figures are worth comparing with those beside them. */
export async function machineSpeed(): Promise<MachineSpeed> {
  const server = new Child('machine-process.ts');
  const client = new Child('machine-process.ts');
  try {
    await Promise.all([server.next('ready'), client.next('ready')]);
    const { url } = await server.ask<{ url: string }>({ kind: 'serve' }, 'serving');
    await client.ask({ kind: 'post', url, posts: WARM_UP_POSTS, bytes: BYTES }, 'posted');
    const usage = async (child: Child): Promise<number> =>
      (await child.ask<{ cpuSeconds: number }>({ kind: 'usage' }, 'usage')).cpuSeconds;
    const before = await Promise.all([usage(client), usage(server)]);
    const startedAt = performance.now();
    await client.ask({ kind: 'post', url, posts: POSTS, bytes: BYTES }, 'posted');
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await Promise.all([usage(client), usage(server)]);
    const speed = {
      undici_cpu_s_per_1000: perThousand(after[0] - before[0], POSTS),
      server_cpu_s_per_1000: perThousand(after[1] - before[1], POSTS),
      posts_per_second: Math.round(POSTS / seconds),
    };
    console.log(
      `the machine now: undici alone ${speed.undici_cpu_s_per_1000} CPU s per 1,000 POSTs, a bare server ${speed.server_cpu_s_per_1000}`,
    );
    return speed;
  } finally {
    server.close();
    client.close();
  }
}
