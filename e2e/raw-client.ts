import { connect, type Socket } from 'node:net';

/** What a server said on a connection of a client that need not speak proper HTTP. */
export interface RawAnswer {
  status: number;
  contentType: string;
  json: { code?: string; detail?: string; errors?: { path: string; message: string }[] };
}

/** A client that writes what it likes, and keeps what comes back. */
export interface RawClient {
  socket: Socket;
  /** Resolves with the first answer once it is whole; rejects when the connection ends before. */
  answer: Promise<RawAnswer>;
}

/** Connects to the server at `url`. What goes wrong with the connection later is no error: servers hang up on such clients. */
export function rawClient(url: string): RawClient {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const answer = new Promise<RawAnswer>((resolve, reject) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const whole = wholeAnswer(text);
      if (whole) resolve(whole);
    });
    socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(text.slice(0, 200))}`)));
  });
  // Who asks for it sees that; who does not has no use for it.
  answer.catch(() => undefined);
  return { socket, answer };
}

function wholeAnswer(text: string): RawAnswer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = text.slice(0, end);
  const field = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1]?.trim() ?? '';
  const body = Buffer.from(text.slice(end + 4), 'latin1');
  const bodyBytes = Number(field('content-length'));
  if (body.length < bodyBytes) return null;
  return {
    status: Number(head.split(' ')[1]),
    contentType: field('content-type'),
    json: JSON.parse(body.subarray(0, bodyBytes).toString() || '{}') as RawAnswer['json'],
  };
}
