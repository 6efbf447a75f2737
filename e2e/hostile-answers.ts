import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import type { Certificate } from './certificates.ts';

/** A receiver that speaks to a connection as it likes. */
export interface HostileReceiver {
  port: number;
  /** Requests whose first bytes have come. */
  requests: number;
  /** The most that any connection has taken of what it was sent. */
  mostBytes(): number;
  close(): void;
}

/** What is done with a connection once the first bytes of a request have come. */
export type Answering = (socket: Socket) => void;

/** Listens until closed; with a certificate, for TLS. */
export async function startHostileReceiver(
  answer: Answering,
  { host, port = 0, certificate }: { host: string; port?: number; certificate?: Certificate | undefined },
): Promise<HostileReceiver> {
  const sockets = new Set<Socket>();
  const receiver = { port: 0, requests: 0, mostBytes: 0 };
  const onConnection = (socket: Socket): void => {
    socket.once('data', () => {
      receiver.requests += 1;
      answer(socket);
    });
  };
  const server: Server = certificate
    ? createTlsServer(certificate, onConnection)
    : createServer(onConnection);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      receiver.mostBytes = Math.max(receiver.mostBytes, socket.bytesWritten);
      sockets.delete(socket);
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return receiver.requests;
    },
    mostBytes: () => receiver.mostBytes,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const GIB = 2 ** 30;
const OK = 'HTTP/1.1 200 OK\r\n';

/** Writes the piece again and again, as fast as it is taken, until so many bytes went out. */
function pour(socket: Socket, piece: Buffer, bytes: number): void {
  let sent = 0;
  const more = (): void => {
    while (sent < bytes && !socket.destroyed) {
      sent += piece.length;
      if (!socket.write(piece)) return void socket.once('drain', more);
    }
    socket.end();
  };
  more();
}

/** Writes the text once a second until the other side is gone. */
function drip(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), 1_000);
  socket.on('close', () => clearInterval(timer));
}

/** 64 MiB of zeros in 64 KiB; members of gzip may follow each other without end. */
const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`);

/** How receivers misbehave in plain HTTP. */
export const answers = {
  redirect: (socket: Socket) =>
    void socket.end(
      'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n',
    ),
  tenGigabytes(socket: Socket) {
    socket.write(`${OK}Content-Length: ${10 * GIB}\r\n\r\n`);
    pour(socket, Buffer.alloc(0x10000, 'x'), 10 * GIB);
  },
  tenGigabytesInChunks(socket: Socket) {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
    pour(socket, chunk, 10 * GIB);
  },
  bomb(socket: Socket) {
    socket.write(`${OK}Content-Encoding: gzip\r\nContent-Length: ${160 * bomb.length}\r\n\r\n`);
    pour(socket, bomb, 160 * bomb.length);
  },
  aByteASecond(socket: Socket) {
    socket.write(`${OK}Content-Length: 100000\r\n\r\n`);
    drip(socket, 'x');
  },
  aHeaderASecond(socket: Socket) {
    socket.write(OK);
    drip(socket, 'X-A: b\r\n');
  },
  badChunks: (socket: Socket) =>
    void socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n`),
  hugeChunk: (socket: Socket) =>
    void socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(40)}\r\nab`),
  twoLengths: (socket: Socket) =>
    void socket.write(`${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
  aLongHeader: (socket: Socket) => void socket.write(`${OK}X-Long: ${'x'.repeat(2 ** 20)}\r\n\r\n`),
  headersWithoutEnd(socket: Socket) {
    socket.write(OK);
    pour(socket, Buffer.from('X-A: b\r\n'.repeat(1_000)), 10 * GIB);
  },
  fine: (socket: Socket) => void socket.end(`${OK}Content-Length: 2\r\nConnection: close\r\n\r\nok`),
} satisfies Record<string, Answering>;
