import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a receiver does with every request. `usual`: a few deliveries fail twice, so that the retry tiers are in use. */
export type ReceiverMode = 'usual' | '500' | 'refused' | 'hang';

/** A request as it came; `status` is what it was answered, null when it got no answer. */
export interface Arrival {
  eventId: string;
  webhookId: string;
  deliveryId: string;
  attempt: number;
  status: number | null;
}

export interface Receivers {
  urls: string[];
  /** Requests that have come and are not answered yet. */
  readonly open: number;
  become(receiver: number, mode: ReceiverMode): Promise<void>;
  close(): Promise<void>;
}

// Long enough that some are always in flight, short enough that no webhook is slow.
const ANSWER_AFTER_MS = 50;

/** Receivers at ports of their own; whatever comes is told to `onArrival` in the moment of its answer. */
export async function startReceivers(
  count: number,
  onArrival: (arrival: Arrival) => void,
): Promise<Receivers> {
  let open = 0;
  const modes: ReceiverMode[] = Array.from({ length: count }, () => 'usual');
  const servers: Server[] = [];
  const ports: number[] = [];

  const take = async (incoming: IncomingMessage, outgoing: ServerResponse, i: number): Promise<void> => {
    open++;
    outgoing.once('close', () => open--);
    const arrival = arrivalOf(incoming.headers, Buffer.concat(await incoming.toArray()));
    if (modes[i] === 'hang') {
      onArrival({ ...arrival, status: null });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, ANSWER_AFTER_MS));
    const status = modes[i] === '500' ? 500 : failsAtFirst(arrival) ? 503 : 200;
    onArrival({ ...arrival, status });
    outgoing.writeHead(status).end();
  };
  const listen = async (i: number): Promise<void> => {
    const server = createServer((incoming, outgoing) => {
      // A dispatcher that dies amid its request leaves nobody to answer.
      take(incoming, outgoing, i).catch(() => outgoing.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(ports[i] ?? 0, '127.0.0.1', resolve);
    });
    ports[i] = (server.address() as AddressInfo).port;
    servers[i] = server;
  };
  const shut = (i: number): Promise<void> =>
    new Promise((resolve) => {
      servers[i]!.close(() => resolve());
      servers[i]!.closeAllConnections();
    });

  for (let i = 0; i < count; i++) await listen(i);
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}/webhook`),
    get open() {
      return open;
    },
    async become(i, mode) {
      const before = modes[i];
      modes[i] = mode;
      if (before === mode) return;
      // Also what hangs is cut: a receiver that was mended was started anew.
      await shut(i);
      if (mode !== 'refused') await listen(i);
    },
    async close() {
      await Promise.all(modes.flatMap((mode, i) => (mode === 'refused' ? [] : shut(i))));
    },
  };
}

function arrivalOf(headers: IncomingMessage['headers'], body: Buffer): Omit<Arrival, 'status'> {
  return {
    eventId: (JSON.parse(body.toString()) as { event_id: string }).event_id,
    webhookId: String(headers['x-dits-webhook-id']),
    deliveryId: String(headers['x-dits-delivery']),
    attempt: Number(headers['x-dits-attempt']),
  };
}

/** One delivery in 32, by its id: its first attempt and the immediate retry fail, so it goes through a tier. */
function failsAtFirst({ deliveryId, attempt }: { deliveryId: string; attempt: number }): boolean {
  return attempt <= 2 && parseInt(deliveryId.slice(-2), 16) % 32 === 0;
}
