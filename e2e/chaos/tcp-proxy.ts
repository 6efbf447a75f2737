import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** `cut`: connections are reset and new ones too. `silent`: they stay open and nothing passes, as when packets vanish. */
export type ProxyState = 'open' | 'cut' | 'silent';

/** Stands between clients and a port of this machine. */
export interface TcpProxy {
  port: number;
  become(state: ProxyState): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  let state: ProxyState = 'open';
  const pairs = new Set<[client: Socket, target: Socket]>();

  const server = createServer((client) => {
    if (state === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: targetPort, host: '127.0.0.1' });
    const pair: [Socket, Socket] = [client, target];
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const [from, to] of [pair, [target, client] as const]) {
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => {
        if (state === 'open') from.resume();
      });
      from.on('error', end);
      from.on('close', end);
    }
    if (state === 'silent') for (const socket of pair) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    become(next) {
      state = next;
      for (const pair of pairs) {
        for (const socket of pair) {
          if (next === 'cut') socket.resetAndDestroy();
          else if (next === 'silent') socket.pause();
          else socket.resume();
        }
      }
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
