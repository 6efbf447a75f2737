import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** How the registry behaves from now on. */
export type RegistryState =
  | { kind: 'up' }
  /** Connections are cut before anything is read. */
  | { kind: 'down' }
  /** Takes connections and never answers. */
  | { kind: 'hung' }
  | { kind: 'slow'; delayMs: number }
  /** Has lost all it knew; what is registered from now on is kept apart. */
  | { kind: 'emptied' };

/** What was asked for; the path without the root. A connection that was cut has none. */
export interface RegistryRequest {
  method: string;
  path: string;
}

/** Stands between apps and the real registry, counts, and lets it fail. */
export interface RegistryProxy {
  url: string;
  /** Since the last change of state. */
  readonly requests: RegistryRequest[];
  become(state: RegistryState): void;
  close(): Promise<void>;
}

export async function startRegistryProxy(registryUrl: string): Promise<RegistryProxy> {
  const real = new URL(registryUrl);
  let state: RegistryState = { kind: 'up' };
  let requests: RegistryRequest[] = [];
  const emptied = new EmptiedRegistry();
  const sockets = new Set<Socket>();

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await incoming.toArray());
    const path = incoming.url!.slice(real.pathname.length);
    const method = incoming.method!;
    requests.push({ method, path });
    const now = state;
    if (now.kind === 'hung') return;
    if (now.kind === 'slow') await pause(now.delayMs);
    if (now.kind === 'emptied' && emptied.forgot(path)) {
      outgoing.writeHead(404, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
      outgoing.end('{"error_code":40403,"message":"Schema not found"}');
      return;
    }
    const target = now.kind === 'emptied' ? emptied.rename(path) : path;
    const response = await fetch(registryUrl + target, {
      method,
      headers: { 'content-type': incoming.headers['content-type'] ?? 'application/json' },
      body: body.length > 0 ? body : null,
    });
    const text = await response.text();
    if (now.kind === 'emptied' && method === 'POST' && response.ok) emptied.learn(text);
    outgoing.writeHead(response.status, {
      'content-type': response.headers.get('content-type') ?? 'application/json',
    });
    outgoing.end(text);
  };
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.on('connection', (socket) => {
    if (state.kind === 'down') {
      requests.push({ method: 'cut', path: '' });
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${real.pathname}`,
    get requests() {
      return requests;
    },
    become(next) {
      state = next;
      requests = [];
      cutAll();
    },
    async close() {
      cutAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A registry without its past, over the real one: subjects under other names, and only the ids of those. */
class EmptiedRegistry {
  private readonly ids = new Set<number>();

  rename(path: string): string {
    return path.replace(/^\/(subjects|config)\/([^/]+)/, '/$1/emptied-$2');
  }

  forgot(path: string): boolean {
    const id = /^\/schemas\/ids\/(-?\d+)/.exec(path)?.[1];
    return id !== undefined && !this.ids.has(Number(id));
  }

  learn(answer: string): void {
    this.ids.add((JSON.parse(answer) as { id: number }).id);
  }
}
