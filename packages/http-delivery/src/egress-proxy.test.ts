import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { parseAllowedDestinations, PUBLIC_DESTINATIONS } from '@dits/domain';
import { type Receiver, startReceiver, until } from '@dits/testkit';
import { generate } from 'selfsigned';
import { EgressProxyFault } from './egress-proxy.js';
import { HttpSender, type HttpSenderOptions } from './http-sender.js';

const destinations = { ...PUBLIC_DESTINATIONS, allowed: parseAllowedDestinations('127.0.0.1') };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Asked {
  authority: string;
  headers: Record<string, unknown>;
}

/** A small CONNECT proxy. `answer` decides for each request: a status, or null for no answer at all. */
async function aProxy(answer: (asked: Asked, n: number) => number | null = () => 200) {
  const asked: Asked[] = [];
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on('connect', ({ url, headers }, client: Socket) => {
    client.on('error', () => {});
    asked.push({ authority: url!, headers });
    const status = answer(asked.at(-1)!, asked.length);
    if (status === null) return;
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const { hostname, port } = new URL(`http://${url}`);
    const receiver = connect(Number(port || 80), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(receiver).pipe(client);
    });
    receiver.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    client.on('close', () => receiver.destroy());
  });
  return { asked, server, url: `http://127.0.0.1:${await listening(server)}` };
}

function aSender(options: HttpSenderOptions): HttpSender {
  const sender = new HttpSender({ destinations, ...options });
  cleanups.push(() => sender.close());
  return sender;
}

async function aReceiver(): Promise<Receiver> {
  const receiver = await startReceiver();
  cleanups.push(() => receiver.close());
  return receiver;
}

const post = (sender: HttpSender, url: string, timeoutMs = 5_000) =>
  sender.send({ url, headers: { 'X-Dits-Event': 'push' }, body: Buffer.from('{"a":1}'), timeoutMs });

/** A port at which nothing listens. */
async function aClosedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

describe('through the egress proxy', () => {
  it('a POST goes by CONNECT to the address that was judged, with the Host of the url', async () => {
    const receiver = await aReceiver();
    const { port } = new URL(receiver.url);
    const proxy = await aProxy();
    const names: string[] = [];
    const sender = aSender({
      egressProxy: proxy.url,
      resolve: async (name) => {
        names.push(name);
        return ['10.0.0.1', '127.0.0.1'].map((address) => ({ address, family: 4 }));
      },
    });
    const result = await post(sender, `http://receiver.example:${port}/hook`);
    expect(result).toMatchObject({ kind: 'response', status: 200, remoteAddress: `127.0.0.1:${port}` });
    expect(Object.keys(result.phasesMs)).toEqual(['dns', 'connect', 'headers', 'body']);
    expect(proxy.asked).toMatchObject([
      { authority: `127.0.0.1:${port}`, headers: { host: `127.0.0.1:${port}` } },
    ]);
    expect(receiver.requests[0]).toMatchObject({
      path: '/hook',
      headers: { host: `receiver.example:${port}`, 'x-dits-event': 'push' },
      rawBody: Buffer.from('{"a":1}'),
    });
    // The tunnel is kept like any connection, and the name asked once.
    await post(sender, `http://receiver.example:${port}/hook`);
    expect([names, proxy.asked.length, sender.connections]).toEqual([['receiver.example'], 1, 1]);
  });

  it('TLS is with the receiver, under its name', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'receiver.example' }], {
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: 'receiver.example' }] },
      ],
    });
    const names: unknown[] = [];
    const server = createHttpsServer({ key, cert }, (request, response) => {
      names.push((request.socket as unknown as { servername: string }).servername, request.headers.host);
      response.end('ok');
    });
    const port = await listening(server);
    const proxy = await aProxy();
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const sender = aSender({ egressProxy: proxy.url, resolve, ca: cert });
    const result = await post(sender, `https://receiver.example:${port}/`);
    expect(result).toMatchObject({ kind: 'response', status: 200 });
    expect(Object.keys(result.phasesMs)).toEqual(['dns', 'connect', 'tls', 'headers', 'body']);
    expect(names).toEqual(['receiver.example', `receiver.example:${port}`]);
    expect(
      await post(aSender({ egressProxy: proxy.url, resolve }), `https://receiver.example:${port}/`),
    ).toMatchObject({
      kind: 'tls',
    });
  });

  it('credentials of its url are shown to the proxy, and never to the receiver', async () => {
    const receiver = await aReceiver();
    const proxy = await aProxy(({ headers }) => (headers['proxy-authorization'] ? 200 : 407));
    const url = proxy.url.replace('http://', 'http://dits:p%40ss%3A@');
    expect(await post(aSender({ egressProxy: url }), receiver.url)).toMatchObject({ kind: 'response' });
    const encoded = Buffer.from('dits:p@ss:').toString('base64');
    expect(proxy.asked[0]!.headers['proxy-authorization']).toBe(`Basic ${encoded}`);
    expect(JSON.stringify(receiver.requests[0]!.headers)).not.toContain(encoded);
  });

  it.each([
    ['http://10.0.0.1/', 'private'],
    ['http://169.254.169.254/', 'metadata'],
    ['http://localhost./', 'trailing_dot'],
    ['http://receiver.example:22/', 'port'],
    ['http://rebound.example/', 'loopback'],
  ])('a refused destination is not even asked for: %s', async (url, rule) => {
    const proxy = await aProxy();
    const resolve = async () => [{ address: '127.0.0.2', family: 4 }];
    const result = await post(aSender({ egressProxy: proxy.url, resolve }), url);
    expect(result).toMatchObject({ kind: 'forbidden_destination', rule, remoteAddress: null });
    expect(proxy.asked).toEqual([]);
  });

  it('an IPv6 receiver is asked for in brackets', async () => {
    const proxy = await aProxy(() => 503);
    const sender = aSender({ egressProxy: proxy.url });
    await expect(post(sender, 'http://[2606:4700::1111]:8080/')).rejects.toThrow(EgressProxyFault);
    expect(proxy.asked[0]!.authority).toBe('[2606:4700::1111]:8080');
  });

  it('every allowed address is tried in turn', async () => {
    const receiver = await aReceiver();
    const { port } = new URL(receiver.url);
    const proxy = await aProxy(({ authority }) => (authority.startsWith('8.8.8.8') ? 502 : 200));
    const resolve = async () =>
      ['8.8.8.8', '10.0.0.1', '127.0.0.1'].map((address) => ({ address, family: 4 }));
    const sender = aSender({ egressProxy: proxy.url, resolve });
    expect(await post(sender, `http://receiver.example:${port}/`)).toMatchObject({
      kind: 'response',
      remoteAddress: `127.0.0.1:${port}`,
    });
    expect(proxy.asked.map(({ authority }) => authority)).toEqual([`8.8.8.8:${port}`, `127.0.0.1:${port}`]);
  });

  it('a failure of the receiver behind it is the receiver’s', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.destroy());
    });
    const port = await listening(server);
    const proxy = await aProxy();
    const sender = aSender({ egressProxy: proxy.url });
    expect(await post(sender, `http://127.0.0.1:${port}/`)).toMatchObject({
      kind: 'reset',
      phase: 'headers',
    });
    expect(sender.egressFaultMs).toBeNull();
  });

  it('a name that does not resolve is the receiver’s, too', async () => {
    const proxy = await aProxy();
    const sender = aSender({ egressProxy: proxy.url });
    expect(await post(sender, 'http://no-such-host.invalid/')).toMatchObject({ kind: 'dns', phase: 'dns' });
  });
});

describe('a fault of the egress proxy is ours, never the receiver’s:', () => {
  it.each([403, 407, 500, 502, 503, 504])('it answers %i', async (status) => {
    const receiver = await aReceiver();
    const proxy = await aProxy(() => status);
    const sender = aSender({ egressProxy: proxy.url });
    for (let i = 0; i < 3; i++) {
      await expect(post(sender, receiver.url)).rejects.toMatchObject({
        code: 'DITS_EGRESS_PROXY_FAULT',
        message: `the egress proxy ${new URL(proxy.url).host} answers ${status} to CONNECT`,
      });
    }
    expect(sender.egressFaultMs).toBeGreaterThan(0);
    expect([receiver.requests, sender.connections]).toEqual([[], 0]);
  });

  it('it refuses connections', async () => {
    const port = await aClosedPort();
    const sender = aSender({ egressProxy: `http://user:secret@127.0.0.1:${port}` });
    const fault: unknown = await post(sender, (await aReceiver()).url).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'DITS_EGRESS_PROXY_FAULT', cause: { code: 'ECONNREFUSED' } });
    expect((fault as Error).message).not.toContain('secret');
    expect(sender.egressFaultMs).not.toBeNull();
  });

  it('its name does not resolve', async () => {
    const sender = aSender({ egressProxy: 'http://no-such-proxy.invalid:3128' });
    await expect(post(sender, (await aReceiver()).url)).rejects.toThrow(EgressProxyFault);
  });

  it('it closes the connection', async () => {
    const port = await listening(createTcpServer((socket) => socket.once('data', () => socket.destroy())));
    const sender = aSender({ egressProxy: `http://127.0.0.1:${port}` });
    await expect(post(sender, (await aReceiver()).url)).rejects.toThrow(EgressProxyFault);
  });

  it('it does not speak HTTP', async () => {
    const port = await listening(createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
    const sender = aSender({ egressProxy: `http://127.0.0.1:${port}` });
    await expect(post(sender, (await aReceiver()).url)).rejects.toThrow(EgressProxyFault);
  });

  it('it does not answer in time', async () => {
    const proxy = await aProxy(() => null);
    const sender = aSender({ egressProxy: proxy.url });
    await expect(post(sender, (await aReceiver()).url, 200)).rejects.toThrow(
      'does not answer CONNECT in time',
    );
    expect([sender.egressFaultMs === null, sender.connections]).toEqual([false, 0]);
  });

  it('and over when it serves again, with the same attempt', async () => {
    const receiver = await aReceiver();
    const proxy = await aProxy((_, n) => (n === 1 ? 502 : 200));
    const sender = aSender({ egressProxy: proxy.url });
    await expect(post(sender, receiver.url)).rejects.toThrow(EgressProxyFault);
    expect(await post(sender, receiver.url)).toMatchObject({ kind: 'response', status: 200 });
    expect([sender.egressFaultMs, receiver.requests.length]).toEqual([null, 1]);
  });

  it('but a receiver that alone is not reached, while it serves others, is to blame', async () => {
    const [receiver, dead] = [await aReceiver(), `http://127.0.0.1:${await aClosedPort()}/`];
    const proxy = await aProxy();
    const sender = aSender({ egressProxy: proxy.url, idleConnections: 0 });
    await expect(post(sender, dead)).rejects.toThrow('answers 502');
    await expect(post(sender, dead)).rejects.toThrow('answers 502');
    expect(await post(sender, receiver.url)).toMatchObject({ kind: 'response' });
    expect(await post(sender, dead)).toMatchObject({
      kind: 'unreachable',
      phase: 'connect',
      message: expect.stringContaining('answers 502 to CONNECT, and serves others'),
    });
    expect(sender.egressFaultMs).toBeNull();
  });

  it('but a receiver that alone makes it fall silent, while it serves others, has timed out', async () => {
    const [receiver, silent] = [await aReceiver(), 'http://8.8.8.8/'];
    const proxy = await aProxy(({ authority }) => (authority.startsWith('8.8.8.8') ? null : 200));
    const sender = aSender({ egressProxy: proxy.url });
    await expect(post(sender, silent, 100)).rejects.toThrow('does not answer CONNECT in time');
    expect(await post(sender, receiver.url)).toMatchObject({ kind: 'response' });
    expect(await post(sender, silent, 100)).toMatchObject({ kind: 'timeout', phase: 'connect' });
  });

  it('and a send that is broken off says so, not the proxy', async () => {
    const proxy = await aProxy(() => null);
    const sender = aSender({ egressProxy: proxy.url });
    const stop = new AbortController();
    const sending = sender.send({
      url: (await aReceiver()).url,
      headers: {},
      body: Buffer.from('{}'),
      timeoutMs: 5_000,
      signal: stop.signal,
    });
    await until('asked', () => proxy.asked.length === 1);
    stop.abort(new Error('stopping'));
    await expect(sending).rejects.toThrow('stopping');
    expect([sender.connections, sender.egressFaultMs]).toEqual([0, null]);
  });
});
