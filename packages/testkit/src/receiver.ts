import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a receiver got it. */
export interface ReceivedRequest {
  method: string;
  /** Path and query. */
  path: string;
  /** Names in lower case; repeated ones joined by `, `. */
  headers: Record<string, string>;
  /** The bytes of the body as they came. */
  rawBody: Buffer;
  /** When the last byte of the body came, ms since 1970. */
  arrivedAtMs: number;
}

/** What a receiver answers. */
export interface Answer {
  /** Default 200. */
  status?: number;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
  /** Wait this long before answering. Default 0. */
  delayMs?: number;
}

/** How a receiver behaves: answers, keeps the socket open and says nothing, or resets the connection. */
export type Behaviour = Answer | 'hang' | 'reset';

/** Decides the behaviour towards a request; `n` is the request's number, from 1. */
export type Respond = (request: ReceivedRequest, n: number) => Behaviour | Promise<Behaviour>;

/** A receiver that runs on this machine until closed. */
export interface Receiver {
  /** `http://<host>:<port>/webhook`. */
  url: string;
  /** Every request so far, in the order in which their bodies were complete. */
  requests: ReceivedRequest[];
  /**
   * Resolves with the requests so far as soon as that many have come, or as soon as the predicate holds for them.
   * Rejects after `timeoutMs` (default 15,000) and says what has come.
   */
  waitFor(
    wanted: number | ((requests: ReceivedRequest[]) => boolean),
    timeoutMs?: number,
  ): Promise<ReceivedRequest[]>;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts a receiver whose behaviour a test decides for each request; by default it answers 200 with no body.
 */
export async function startReceiver(
  options: {
    respond?: Respond;
    /** Default 0: any free one. */
    port?: number;
    /** Address to listen on. Default 127.0.0.1. */
    host?: string;
  } = {},
): Promise<Receiver> {
  const { port = 0, host = '127.0.0.1' } = options;
  const respond: Respond = options.respond ?? (() => ({}));
  const requests: ReceivedRequest[] = [];
  const watchers = new Set<() => void>();

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    requests.push(request);
    for (const check of [...watchers]) check();
    await behave(await respond(request, requests.length), outgoing);
  };
  const server = createServer((incoming, outgoing) => {
    // A sender that hangs up while its body is read is a thing tests do; there is nobody to answer.
    serve(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/webhook`,
    requests,
    waitFor(wanted, timeoutMs = 15_000) {
      const holds = typeof wanted === 'number' ? () => requests.length >= wanted : () => wanted(requests);
      return new Promise((resolve, reject) => {
        const check = (): void => {
          if (!holds()) return;
          clearTimeout(timer);
          watchers.delete(check);
          resolve(requests);
        };
        const timer = setTimeout(() => {
          watchers.delete(check);
          reject(new Error(`not received within ${timeoutMs} ms; so far: ${summary(requests)}`));
        }, timeoutMs);
        watchers.add(check);
        check();
      });
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    headers[name] = (values ?? []).join(', ');
  }
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers,
    rawBody: Buffer.concat(chunks),
    arrivedAtMs: Date.now(),
  };
}

async function behave(behaviour: Behaviour, outgoing: ServerResponse): Promise<void> {
  if (behaviour === 'hang') return;
  if (behaviour === 'reset') {
    outgoing.socket?.resetAndDestroy();
    return;
  }
  const { status = 200, headers = {}, body = '', delayMs = 0 } = behaviour;
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  if (outgoing.destroyed) return;
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}

function summary(requests: ReceivedRequest[]): string {
  const shown = requests.map(
    ({ method, path, headers }) =>
      `${method} ${path} ${headers['x-dits-event'] ?? ''} attempt ${headers['x-dits-attempt'] ?? '-'}`,
  );
  return shown.length === 0 ? 'nothing' : `${shown.length}: ${shown.slice(-20).join('; ')}`;
}
