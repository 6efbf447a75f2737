/** One end of the measurement of a machine: a bare server, or undici alone. Says what its own CPU time was. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';

export type MachineOrder = { kind: 'serve' } | { kind: 'post'; url: string; posts: number; bytes: number };

const IN_FLIGHT = 32;

process.on('message', (order: MachineOrder | { kind: 'usage' }) => {
  switch (order.kind) {
    case 'serve': {
      const server = createServer((request, response) => request.resume().on('end', () => response.end()));
      server.listen(0, '127.0.0.1', () => {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        process.send!({ kind: 'serving', url });
      });
      return;
    }
    case 'post':
      return void post(order).then(
        () => process.send!({ kind: 'posted' }),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    case 'usage': {
      const { user, system } = process.cpuUsage();
      process.send!({ kind: 'usage', cpuSeconds: (user + system) / 1e6 });
    }
  }
});
process.on('disconnect', () => process.exit(0));
process.send!({ kind: 'ready' });

async function post({ url, posts, bytes }: MachineOrder & { kind: 'post' }): Promise<void> {
  const agent = new Agent({ connections: IN_FLIGHT, pipelining: 1 });
  const body = Buffer.alloc(bytes, 'x');
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      agent.dispatch(
        { origin: url, method: 'POST', path: '/', headers: { 'content-type': 'application/json' }, body },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData() {},
          onResponseEnd: () => resolve(),
          onResponseError: (_controller, error) => reject(error),
        },
      );
    });
  let left = posts;
  const work = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  await agent.close();
}
