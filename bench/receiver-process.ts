/**
 * Receivers in a process of their own, each at a port of its own: they answer at once, late or never, and the time at which each event arrived first is kept.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

/** How a receiver behaves. `refuse`: nobody listens. */
export type Behaviour = 'answer' | 'hang' | 'slow' | 'refuse';

/** Asks for receivers; the answer is `{ kind: 'listening', urls }` in the same order. */
export interface ReceiverOrder {
  kind: 'listen';
  behaviours: Behaviour[];
}

/** What a receiver saw of an event: of which receiver (by its place in the order), when first, how often. */
export type Arrival = [eventId: string, receiver: number, firstAtMs: number, times: number];

const SLOW_MS = 2_000;
const HOST = '127.0.0.1';
// Far above what a connect of loopback takes.
const CONNECT_MS = 1_000;
const arrivals = new Map<string, { receiver: number; firstAtMs: number; times: number }>();

async function listen(behaviour: Behaviour, receiver: number): Promise<string> {
  for (;;) {
    const server = createServer((request, response) => take(request, response, behaviour, receiver));
    server.keepAliveTimeout = 60_000;
    server.listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const url = `http://${HOST}:${port}/`;
    if (behaviour === 'refuse') {
      await new Promise((resolve) => server.close(resolve));
      return url;
    }
    if (await isReached(port)) return url;
    // It goes on listening, so that nobody is given the port again.
    console.error(`nothing reaches ${HOST}:${port}: is it forwarded elsewhere? Another port is taken.`);
  }
}

/** False for a port whose packets go elsewhere, as the forwarding of a container that is gone leaves them. */
async function isReached(port: number): Promise<boolean> {
  const socket = connect({ port, host: HOST });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function take(
  request: IncomingMessage,
  response: ServerResponse,
  behaviour: Behaviour,
  receiver: number,
): void {
  const arrivedAtMs = performance.timeOrigin + performance.now();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (behaviour === 'hang') return;
    if (behaviour === 'slow') setTimeout(() => response.end(), SLOW_MS);
    else response.end();
    note(eventIdOf(chunks), receiver, arrivedAtMs);
  });
}

const EVENT_ID = '"event_id":"';

/** Near the end of the body, so that the search is short. */
function eventIdOf(chunks: Buffer[]): string {
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const at = body.lastIndexOf(EVENT_ID) + EVENT_ID.length;
  return body.toString('latin1', at, at + 36);
}

function note(eventId: string, receiver: number, arrivedAtMs: number): void {
  const seen = arrivals.get(eventId);
  if (seen) seen.times += 1;
  else arrivals.set(eventId, { receiver, firstAtMs: arrivedAtMs, times: 1 });
}

process.on('message', (message: ReceiverOrder | { kind: 'count' | 'take' }) => {
  switch (message.kind) {
    case 'listen':
      return void Promise.all(message.behaviours.map(listen)).then((urls) =>
        process.send!({ kind: 'listening', urls }),
      );
    case 'count':
      return void process.send!({ kind: 'count', count: arrivals.size });
    case 'take': {
      const all = [...arrivals].map(([eventId, a]): Arrival => [eventId, a.receiver, a.firstAtMs, a.times]);
      process.send!({ kind: 'arrivals', arrivals: all });
      arrivals.clear();
    }
  }
});
process.on('disconnect', () => process.exit(0));
process.send!({ kind: 'ready' });
