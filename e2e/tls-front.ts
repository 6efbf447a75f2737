import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Certificate } from './certificates.ts';

/** TLS before a receiver that speaks plain HTTP, until closed. */
export interface TlsFront {
  port: number;
  /** Resolves at the first caller that turns away from the certificate. */
  refused: Promise<unknown>;
  /** Cuts every connection and stops listening. */
  close(): void;
}

/** Listens with the certificate, and passes every byte on to the receiver at `url`. */
export async function startTlsFront(o: {
  certificate: Certificate;
  url: string;
  port?: number;
}): Promise<TlsFront> {
  const { hostname, port } = new URL(o.url);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer(o.certificate, (caller) => {
    const receiver = connect(Number(port), hostname);
    keep(caller);
    keep(receiver);
    caller.pipe(receiver).pipe(caller);
    // What ends badly on one side does so on the other.
    caller.on('close', () => receiver.destroy());
    receiver.on('close', () => caller.destroy());
  });
  server.on('connection', keep);
  const refused = once(server, 'tlsClientError');
  server.listen(o.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refused,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
